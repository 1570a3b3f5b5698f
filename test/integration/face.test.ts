import { existsSync } from 'node:fs';
import { MessageStatus } from '../../src/engine/message.ts';
import { defineHandler, PermanentError } from '../../src/queue/handler.ts';
import type { Logger } from '../../src/telemetry/logger.ts';
import { FleetPlace, noting } from '../support/fleet-place.ts';

const place = new FleetPlace();

describe('the library face (section 7)', () => {
  test('enqueue, tick, done: the shortest path', async () => {
    const { seen, handlers } = noting();
    const face = await place.fleet(['acme'], { handlers });
    const { messageId, status } = await face.outbox('acme').enqueue({ topic: 'Orders', payload: 'one' });
    expect(status).toBe('enqueued');
    const { plan, runs } = await face.tick();
    expect(plan).toMatchObject({ status: 'planned', due: 1 });
    expect(runs).toMatchObject([
      {
        tenantId: 'acme',
        reason: 'wake',
        outcome: 'dispatched',
        counts: { done: 1 },
        roundTrips: 2,
        more: false,
      },
    ]);
    expect(seen).toEqual(['acme:one']);
    expect(await face.outbox('acme').get(messageId)).toMatchObject({ status: MessageStatus.Done });
    expect(await face.outbox('acme').statistics()).toMatchObject({ done: 1, ready: 0 });
  });

  test('D3, F1: a handler that changes its tenant’s tags fails, and changes them for no other; nor do readers of a tenant', async () => {
    const seen: unknown[] = [];
    const change = ({ tags }: { readonly tags: Readonly<Record<string, string>> }) => {
      (tags as Record<string, string>).plan = 'changed';
    };
    const { handlers } = noting(({ payload }, { tenant }) => {
      seen.push({ ...tenant.tags });
      if (payload === 'first') change(tenant);
    });
    const face = place.face({ handlers, dispatch: { concurrency: 1 } });
    await face.migrate();
    await face.tenants.add({ id: 'acme', database: place.file('acme.db'), tags: { plan: 'gold' } });
    await face.migrate();
    await face.outbox('acme').enqueue(['first', 'second'].map((payload) => ({ topic: 'orders', payload })));
    const { runs } = await face.tick();
    expect(runs).toMatchObject([{ counts: { done: 1, retried: 1 } }]);
    expect(seen).toEqual([{ plan: 'gold' }, { plan: 'gold' }]);
    const tenant = await face.tenants.get('acme');
    expect(() => change(tenant)).toThrow(TypeError);
    expect(tenant.tags).toEqual({ plan: 'gold' });
  });

  test('no database is opened before it is needed', async () => {
    const face = place.face();
    expect(face.outbox('acme').tenantId).toBe('acme');
    expect(existsSync(place.file('registry.db'))).toBe(false);
  });

  test('a registry without a schema says what to do', async () => {
    const face = place.face();
    await expect(face.plan()).rejects.toMatchObject({
      code: expect.stringMatching(/SCHEMA_MISSING|DATABASE_MISSING/),
    });
    expect(await face.migrate()).toMatchObject([{ tenantId: null, result: { from: 0 } }]);
    expect(await face.plan()).toMatchObject({ status: 'idle', requests: [] });
  });

  test('two handlers for a topic, bad settings and bad tenants are refused at once', () => {
    const handler = () => defineHandler({ topic: 'a', handle() {} });
    expect(() => place.face({ handlers: [handler(), handler()] })).toThrow(/Two handlers/);
    expect(() => place.face({ dispatch: { batchSize: 0 } })).toThrow(/dispatch.batchSize/);
    expect(() => place.face({ tenants: [{ id: 'No' }] })).toThrow(/lower case/);
  });

  test('without handlers no tenant is planned: all stay due for a host that has handlers', async () => {
    const face = await place.fleet(['acme']);
    await expect(face.tick()).rejects.toMatchObject({ code: 'INVALID_CONFIGURATION' });
    await expect(face.run({ signal: new AbortController().signal })).rejects.toMatchObject({
      code: 'INVALID_CONFIGURATION',
    });
    await expect(face.dispatch({ tenantId: 'acme' })).rejects.toMatchObject({
      code: 'INVALID_CONFIGURATION',
    });
    expect((await face.plan()).requests).toHaveLength(1);
  });

  test('a logger that throws has no effect: messages are dispatched, the process lives', async () => {
    const fail = () => {
      throw new Error('the disk is full');
    };
    const broken: Logger = { debug: fail, info: fail, warn: fail, error: fail, child: () => broken };
    const { handlers } = noting((_, context) => {
      context.logger.info('handling');
      throw new PermanentError('no');
    });
    for (const [id, logger] of [
      ['a', broken],
      ['b', { ...broken, child: fail }],
    ] as const) {
      const face = await place.fleet([id], { handlers, logger });
      await face.outbox(id).enqueue({ topic: 'orders', payload: 'x' });
      const { runs } = await face.tick();
      expect(runs.filter(({ tenantId }) => tenantId === id)).toMatchObject([
        { outcome: 'dispatched', counts: { dead: 1, retried: 0 } },
      ]);
    }
  });

  test('D7: the report goes to the registry: counts, totals, error, parked topics, backlog', async () => {
    const { handlers } = noting(({ payload }) => {
      if (payload === 'bad') throw new PermanentError('no');
    });
    const face = await place.fleet(['acme'], { handlers });
    const outbox = face.outbox('acme');
    await outbox.enqueue(['good', 'bad', 'good'].map((payload) => ({ topic: 'orders', payload })));
    await outbox.enqueue({ topic: 'nobody-handles', payload: 'x' });
    await face.tick();
    await outbox.enqueue({ topic: 'orders', payload: 'good' });
    await face.tick();
    const { schedule } = await face.tenants.get('acme');
    expect(schedule).toMatchObject({
      lastOutcome: 'dispatched',
      lastCounts: { done: 1, dead: 0 },
      totals: { done: 3, dead: 1, parked: 1 },
      idleStreak: 0,
      failureStreak: 0,
      backlog: false,
      lastError: null,
    });
    expect(schedule.lastRunUtc).toBeInstanceOf(Date);
    expect(await face.status()).toMatchObject({
      tenants: { active: 1, paused: 0, retired: 0 },
      failing: 0,
      totals: { done: 3 },
    });
  });

  test('F6: plans, status and lists touch no tenant database', async () => {
    const face = place.face({ handlers: noting().handlers });
    await face.migrate({ tenants: [] });
    await face.tenants.add({ id: 'acme' });
    expect((await face.plan()).requests).toHaveLength(1);
    await face.status();
    await face.tenants.list();
    await face.wake('acme');
    expect(existsSync(place.file('tenants/acme.db'))).toBe(false);
  });

  test('F5: an idle tenant is polled at ever longer intervals', async () => {
    const face = await place.fleet(['acme'], {
      handlers: noting().handlers,
      schedule: { idleFloorMs: 1, idleCeilingMs: 8 },
    });
    const streaks: number[] = [];
    while (streaks.length < 5) {
      const { runs } = await face.tick();
      if (runs.length > 0) streaks.push((await face.tenants.get('acme')).schedule.idleStreak);
    }
    expect(streaks).toEqual([1, 2, 3, 4, 5]);
  });

  test("F6, Q11: with a ceiling of 'never' a tenant is due when its next message is, or at the bound", async () => {
    const { handlers } = noting();
    const face = await place.fleet(['acme'], { handlers, schedule: { idleCeilingMs: 'never' } });
    await face.tick();
    const aDay = 86_400_000;
    const idle = await face.plan();
    expect(idle.status).toBe('idle');
    expect(idle.nextDueInMs).toBeGreaterThan(aDay - 60_000);
    expect(idle.nextDueInMs).toBeLessThanOrEqual(aDay);
    await face.outbox('acme').enqueue({ topic: 'orders', payload: 'x', delay: '10m' });
    // The wake makes it due at once, so that the due time becomes known.
    expect((await face.tick()).runs).toMatchObject([{ outcome: 'idle', roundTrips: 1 }]);
    const { nextDueUtc } = (await face.tenants.get('acme')).schedule;
    const inMs = nextDueUtc!.getTime() - Date.now();
    expect(inMs).toBeGreaterThan(590_000);
    expect(inMs).toBeLessThanOrEqual(600_000);
  });
});

test('F3: a plan chooses as many tenants as its capacity, which must be a whole number from 1', async () => {
  const face = await place.fleet(['acme', 'beta', 'cedar'], { handlers: noting().handlers });
  for (const capacity of [0, -1, 1.5, Number.NaN, '2' as never]) {
    await expect(face.plan({ capacity })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  }
  expect(await face.plan({ capacity: 2 })).toMatchObject({ requests: [{}, {}], due: 3, more: true });
  expect((await face.plan()).requests).toHaveLength(1);
});

test('the version of the registry’s schema is 0 until migrate has made it', async () => {
  const face = place.face();
  const { latest, oldestUsable } = await face.registrySchema();
  expect(await face.registrySchema()).toMatchObject({ version: 0 });
  await face.migrate({ tenants: [] });
  expect(await face.registrySchema()).toEqual({ version: latest, latest, oldestUsable });
});

describe('dispatch requests', () => {
  test('a tenant can be dispatched by hand, though it is not due', async () => {
    const { seen, handlers } = noting();
    const face = await place.fleet(['acme'], { handlers });
    await face.tick();
    await face.outbox('acme').enqueue({ topic: 'orders', payload: 'x' }, { wake: false });
    expect(await face.dispatch({ tenantId: 'acme' })).toMatchObject({
      reason: 'manual',
      outcome: 'dispatched',
    });
    expect(seen).toEqual(['acme:x']);
  });

  test('D5: a request whose signal has fired leaves the tenant due', async () => {
    const face = await place.fleet(['acme'], { handlers: noting().handlers });
    const { requests } = await face.plan();
    expect(await face.dispatch(requests[0]!, { signal: AbortSignal.abort() })).toMatchObject({
      outcome: 'idle',
      more: true,
      roundTrips: 0,
    });
    expect((await face.plan()).requests).toHaveLength(1);
  });

  test.each([
    ['nothing', undefined],
    ['null', null],
    ['no tenant', {}],
    ['an empty tenant', { tenantId: '' }],
    ['a tenant that is not text', { version: 1, tenantId: 5 }],
    ['a version of the future', { version: 2, tenantId: 'acme' }],
    ['no time of its plan', { version: 1, tenantId: 'acme', reason: 'due' }],
  ])('%s is not a request', async (_, request) => {
    const face = await place.fleet(['acme'], { handlers: noting().handlers });
    await expect(face.dispatch(request as never)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  test('D1: of two requests for one tenant at once in one process, one runs and the other is skipped', async () => {
    const { seen, handlers } = noting(() => new Promise((resolve) => setImmediate(resolve)));
    const face = await place.fleet(['acme'], { handlers, owner: 'this process' });
    const payloads = Array.from({ length: 40 }, (_, n) => String(n));
    await face.outbox('acme').enqueue(payloads.map((payload) => ({ topic: 'orders', payload })));
    const runs = await Promise.all([1, 2, 3].map(() => face.dispatch({ tenantId: 'acme' })));
    expect(runs.map(({ outcome }) => outcome).sort()).toEqual(['dispatched', 'skipped', 'skipped']);
    expect(runs.map(({ counts }) => counts.recovered + counts.lost)).toEqual([0, 0, 0]);
    expect(seen).toEqual(payloads.map((payload) => `acme:${payload}`));
  });

  test('D1: a tenant whose lease is held elsewhere is skipped, and due again when that expires', async () => {
    const { seen, handlers } = noting();
    const face = await place.fleet(['acme'], { handlers });
    await face.outbox('acme').enqueue({ topic: 'orders', payload: 'x' });
    const elsewhere = await place.outbox('acme');
    await elsewhere.begin({ owner: 'elsewhere', durationMs: 30_000, claim: { limit: 1, maxBytes: 1 } });
    const { runs } = await face.tick();
    expect(runs).toMatchObject([{ outcome: 'skipped', skipped: 'leased-elsewhere', counts: { done: 0 } }]);
    expect(seen).toEqual([]);
    const { nextDueUtc, failureStreak } = (await face.tenants.get('acme')).schedule;
    expect(failureStreak).toBe(0);
    expect(nextDueUtc!.getTime() - Date.now()).toBeLessThanOrEqual(35_000);
  });
});

describe('the end', () => {
  test('after close every call fails with CLOSED; close is idempotent, and is what `await using` calls', async () => {
    const face = await place.fleet(['acme'], { handlers: noting().handlers });
    const outbox = face.outbox('acme');
    await outbox.statistics();
    await face[Symbol.asyncDispose]();
    await face.close();
    const closed = { code: 'CLOSED' };
    await expect(outbox.enqueue({ topic: 't', payload: 1 })).rejects.toMatchObject(closed);
    await expect(face.plan()).rejects.toMatchObject(closed);
    await expect(face.tick()).rejects.toMatchObject(closed);
    await expect(face.dispatch({ tenantId: 'acme' })).rejects.toMatchObject(closed);
    await expect(face.status()).rejects.toMatchObject(closed);
    await expect(face.registrySchema()).rejects.toMatchObject(closed);
  });
});
