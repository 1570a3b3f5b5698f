import { existsSync } from 'node:fs';
import type { MultiOutboxOptions } from '../../src/multi-outbox.ts';
import { FleetPlace, noting } from '../support/fleet-place.ts';
import { until } from '../support/until.ts';

const place = new FleetPlace();

/** A face with a static directory of these tenants, each in a file of the folder; all migrated. */
async function staticFace(ids: readonly string[], options: MultiOutboxOptions = {}) {
  const face = place.face({
    tenants: ids.map((id) => ({ id, database: place.file(`${id}.db`) })),
    ...options,
  });
  for (const { error } of await face.migrate()) if (error) throw new Error(error.message);
  return face;
}

describe('a static directory (F2)', () => {
  test('F2: one entry is the plain single outbox; there is no registry file', async () => {
    const { seen, handlers } = noting();
    const face = await staticFace(['only'], { handlers });
    await face.outbox('only').enqueue({ topic: 'orders', payload: 'x' });
    expect((await face.tick()).runs).toMatchObject([{ tenantId: 'only', outcome: 'dispatched' }]);
    expect(seen).toEqual(['only:x']);
    expect(existsSync(place.file('registry.db'))).toBe(false);
    expect(await face.status()).toMatchObject({ tenants: { active: 1 }, totals: { done: 1 } });
  });

  test('F2: several entries are planned and dispatched like those of a registry', async () => {
    const { seen, handlers } = noting();
    const face = await staticFace(['a', 'b', 'c'], { handlers });
    for (const id of ['a', 'b', 'c']) await face.outbox(id).enqueue({ topic: 'orders', payload: 'x' });
    expect((await face.tick()).runs).toHaveLength(3);
    expect(seen.sort()).toEqual(['a:x', 'b:x', 'c:x']);
  });

  test('F1, F2: a tenant that is added later is in a file, whatever registry the settings name', async () => {
    const face = await staticFace(['a'], { registry: 'mssql://sql.example.net/registry' });
    expect(await face.tenants.add({ id: 'b' })).toMatchObject({ database: 'tenants/b.db' });
  });

  test('F2: it runs continuously, until the signal', async () => {
    const { seen, handlers } = noting();
    const face = await staticFace(['a'], { handlers, plan: { intervalMs: 10 } });
    const stop = new AbortController();
    const running = face.run({ signal: stop.signal });
    for (const payload of ['1', '2', '3']) {
      await face.outbox('a').enqueue({ topic: 'orders', payload });
      await until('it is dispatched', () => seen.includes(`a:${payload}`));
    }
    stop.abort();
    await running;
  });

  test.each([
    ['TENANT_EXISTS', ['a.db', 'b.db'], ['a', 'a']],
    ['DATABASE_IN_USE', ['a.db', './a.db'], ['a', 'b']],
  ])('F1: %s at the first use, and at every further one', async (code, files, ids) => {
    const face = place.face({
      tenants: ids.map((id, n) => ({ id, database: `${place.folder}/${files[n]}` })),
      handlers: noting().handlers,
    });
    for (let time = 0; time < 2; time++) {
      await expect(face.plan()).rejects.toMatchObject({ code });
      await expect(face.outbox('a').statistics()).rejects.toMatchObject({ code });
    }
  });

  test('two faces with one static directory each: the queue lease prevents overlapping runs', async () => {
    const { seen, handlers } = noting(() => new Promise((resolve) => setImmediate(resolve)));
    const one = await staticFace(['a'], { handlers, owner: 'one' });
    const other = await staticFace(['a'], { handlers, owner: 'other' });
    const payloads = Array.from({ length: 50 }, (_, n) => String(n));
    await one.outbox('a').enqueue(payloads.map((payload) => ({ topic: 'orders', payload })));
    const runs = await Promise.all([one.dispatch({ tenantId: 'a' }), other.dispatch({ tenantId: 'a' })]);
    expect(runs.map(({ outcome }) => outcome).sort()).toEqual(['dispatched', 'skipped']);
    expect(seen).toEqual(payloads.map((payload) => `a:${payload}`));
  });
});
