import { existsSync } from 'node:fs';
import type { MultiOutbox } from '../../src/multi-outbox.ts';
import { deferred } from '../support/deferred.ts';
import { FleetPlace, noting } from '../support/fleet-place.ts';
import { until } from '../support/until.ts';

const place = new FleetPlace();
const quick = { plan: { intervalMs: 10 }, directory: { refreshMs: 5 } } as const;

async function send(face: MultiOutbox, id: string, payload: string): Promise<void> {
  await face.outbox(id).enqueue({ topic: 'orders', payload });
}

/** Runs the host while the test does something, then stops it and waits for its end. */
async function whileRunning(
  face: MultiOutbox,
  action: () => Promise<void>,
  options: Omit<Parameters<MultiOutbox['run']>[0], 'signal'> = {},
): Promise<void> {
  const stop = new AbortController();
  const running = face.run({ signal: stop.signal, ...options });
  try {
    await action();
  } finally {
    stop.abort();
    await running;
  }
}

describe('tenants that come, change and go while a host runs (F2)', () => {
  test('F2: a tenant that another process adds is dispatched without a restart', async () => {
    const { seen, handlers } = noting();
    const host = await place.fleet(['a'], { handlers, ...quick });
    const admin = place.face();
    await whileRunning(host, async () => {
      await admin.tenants.add({ id: 'new' });
      await admin.migrate({ tenants: ['new'] });
      await send(admin, 'new', '1');
      await until('it is served', () => seen.includes('new:1'));
    });
  });

  test('F2: a paused tenant accepts messages and is not dispatched until it is resumed', async () => {
    const { seen, handlers } = noting();
    const host = await place.fleet(['a', 'b'], { handlers, ...quick });
    const admin = place.face();
    await whileRunning(host, async () => {
      const before = host.outbox('a');
      await admin.tenants.pause('a');
      await until('the host knows', () => host.outbox('a') !== before);
      await send(admin, 'a', '1');
      await expect(admin.wake('a')).rejects.toMatchObject({
        code: 'TENANT_NOT_ACTIVE',
        message: expect.stringContaining('tenants resume a'),
      });
      // The other tenants are dispatched meanwhile, more than once.
      for (const payload of ['1', '2', '3']) {
        await send(admin, 'b', payload);
        await until('the other is served', () => seen.includes(`b:${payload}`));
      }
      expect(seen).not.toContain('a:1');
      await admin.tenants.resume('a');
      await until('it is served', () => seen.includes('a:1'));
    });
  });

  test('F2: a tenant that is paused between its plan and its run is skipped', async () => {
    const { seen, handlers } = noting();
    const host = await place.fleet(['a'], { handlers, ...quick });
    await send(host, 'a', '1');
    const { requests } = await host.plan();
    await host.tenants.pause('a');
    expect(await host.dispatch(requests[0]!)).toMatchObject({ outcome: 'skipped', skipped: 'not-active' });
    expect(seen).toEqual([]);
  });

  test('F2: a retired tenant is no longer dispatched and its calls fail; it can be restored', async () => {
    const { seen, handlers } = noting();
    const host = await place.fleet(['a', 'b'], { handlers, ...quick });
    const admin = place.face();
    await send(host, 'a', '1');
    await whileRunning(host, async () => {
      await until('it is served', () => seen.includes('a:1'));
      await admin.tenants.remove('a');
      await until('the host knows', async () =>
        host
          .outbox('a')
          .statistics()
          .then(
            () => false,
            (error) => error.code === 'TENANT_NOT_ACTIVE',
          ),
      );
      await admin.tenants.add({ id: 'a' });
      await send(admin, 'a', '2');
      await until('it is served again', () => seen.includes('a:2'));
    });
  });

  test('F2: the connections of a tenant that goes are closed', async () => {
    const host = await place.fleet(['a'], { handlers: noting().handlers });
    await send(host, 'a', '1');
    await host.tick();
    // SQLite removes this file when the last connection is closed.
    const log = place.file('tenants/a.db-wal');
    expect(existsSync(log)).toBe(true);
    await host.tenants.remove('a');
    await until('it is closed', () => !existsSync(log));
  });

  test('F2: a tenant that moves to another database is dispatched there from then on', async () => {
    const { seen, handlers } = noting();
    const host = await place.fleet(['a'], { handlers, ...quick });
    const admin = place.face();
    await whileRunning(host, async () => {
      await send(admin, 'a', 'before');
      await until('it is served', () => seen.includes('a:before'));
      await admin.tenants.change({ id: 'a', database: 'moved/a.db' });
      await admin.migrate({ tenants: ['a'] });
      await send(admin, 'a', 'after');
      await until('it is served where it is now', () => seen.includes('a:after'));
    });
    const moved = place.connection('moved/a.db');
    expect(moved.prepare('SELECT count(*) AS n FROM Outbox').get()).toEqual({ n: 1 });
  });
});

describe('the continuous host', () => {
  test('F5: a backlog larger than one run is worked off without waiting for the next interval', async () => {
    const { seen, handlers } = noting(() => new Promise((resolve) => setTimeout(resolve, 2)));
    const host = await place.fleet(['a'], {
      handlers,
      // Every run is cut short. After the first plan, waiting for the interval would take an hour.
      dispatch: { timeBudgetMs: 5, batchSize: 5, concurrency: 1 },
      plan: { intervalMs: '1h' },
    });
    await host
      .outbox('a')
      .enqueue(Array.from({ length: 40 }, (_, n) => ({ topic: 'orders', payload: String(n) })));
    await whileRunning(host, () => until('all are dispatched', () => seen.length === 40).then(() => {}));
    expect(new Set(seen).size).toBe(40);
  });

  test('D8: with more due tenants than parallel runs, all are dispatched as runs end', async () => {
    const ids = Array.from({ length: 9 }, (_, n) => `t${n}`);
    const { seen, handlers } = noting(() => new Promise((resolve) => setImmediate(resolve)));
    const host = await place.fleet(ids, {
      handlers,
      dispatch: { parallelRuns: 2 },
      plan: { intervalMs: '1h' },
    });
    for (const id of ids) await send(host, id, 'x');
    await whileRunning(host, () => until('all are served', () => seen.length === ids.length).then(() => {}));
    expect(seen.sort()).toEqual(ids.map((id) => `${id}:x`));
  });

  test('D5: it resolves once every run has ended, without claimed messages or held leases', async () => {
    const started = deferred();
    const { handlers } = noting(async (_, { signal }) => {
      started.resolve();
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    });
    const host = await place.fleet(['a'], { handlers, ...quick });
    await send(host, 'a', '1');
    await whileRunning(host, () => started.promise);
    expect(await host.outbox('a').statistics()).toMatchObject({ claimed: 0 });
    expect((await host.leases('a').list()).some(({ held }) => held)).toBe(false);
    expect((await host.leases().list()).some(({ held }) => held)).toBe(false);
  });

  test('two hosts on one registry: every message is handled once', async () => {
    const ids = ['a', 'b', 'c'];
    const { seen, handlers } = noting(() => new Promise((resolve) => setImmediate(resolve)));
    const one = await place.fleet(ids, { handlers, owner: 'one', ...quick });
    const other = place.face({ handlers, owner: 'other', ...quick });
    const expected: string[] = [];
    await whileRunning(one, () =>
      whileRunning(other, async () => {
        for (let round = 0; round < 10; round++) {
          for (const id of ids) {
            await send(round % 2 === 0 ? one : other, id, String(round));
            expected.push(`${id}:${round}`);
          }
        }
        await until('all are handled', () => seen.length >= expected.length);
      }),
    );
    expect([...seen].sort()).toEqual(expected.sort());
  });

  test('a listener that throws does not stop the host', async () => {
    const { seen, handlers } = noting();
    const host = await place.fleet(['a'], {
      handlers,
      plan: { intervalMs: 10 },
      dispatch: { parallelRuns: 1 },
    });
    let told = 0;
    const onRun = () => {
      if (told++ === 0) throw new Error('the progress bar broke');
    };
    await whileRunning(
      host,
      async () => {
        await until('it was told', () => told > 0);
        // The tenant is planned again after a wake, so its run has given its slot back.
        await send(host, 'a', '1');
        await until('it is served', () => seen.includes('a:1'));
      },
      { onRun },
    );
  });

  test('the host goes on after the registry was unreachable for a while', async () => {
    const { seen, handlers } = noting();
    const host = await place.fleet(['a'], { handlers, ...quick, sqlite: { busyTimeoutMs: 10 } });
    await whileRunning(host, async () => {
      const blocker = place.connection('registry.db');
      blocker.exec('BEGIN EXCLUSIVE');
      await host.outbox('a').enqueue({ topic: 'orders', payload: '1' });
      blocker.exec('COMMIT');
      await until('it is served', () => seen.includes('a:1'));
    });
  });
});
