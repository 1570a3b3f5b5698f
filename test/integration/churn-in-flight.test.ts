/** Tenants that change while a run of theirs is in flight, and a registry that is unreachable (F2, D8). */
import { existsSync } from 'node:fs';
import type { MultiOutbox } from '../../src/multi-outbox.ts';
import { deferred } from '../support/deferred.ts';
import { FleetPlace, noting } from '../support/fleet-place.ts';
import { until } from '../support/until.ts';

const place = new FleetPlace();
const quick = {
  plan: { intervalMs: 10 },
  // The lease is short, because a tenant under a new name finds the lease held, and is due again when the lease
  // expires.
  dispatch: { leaseMs: 500 },
  directory: { refreshMs: 5 },
  schedule: { idleFloorMs: 20, idleCeilingMs: 50, failureCeilingMs: 50 },
} as const;

const send = (face: MultiOutbox, id: string, payload: string) =>
  face.outbox(id).enqueue({ topic: 'orders', payload });

async function whileRunning(host: MultiOutbox, action: () => Promise<void>): Promise<void> {
  const stop = new AbortController();
  const running = host.run({ signal: stop.signal });
  try {
    await action();
  } finally {
    stop.abort();
    await running;
  }
}

/** A host whose handler keeps the message 'in flight' running until the test releases it. */
async function sceneInFlight(ids: readonly string[] = ['a']) {
  const started = deferred();
  const gate = deferred();
  const { seen, handlers } = noting(async ({ payload }) => {
    if (payload !== 'in flight') return;
    started.resolve();
    await gate.promise;
  });
  const host = await place.fleet(ids, { handlers, ...quick });
  return { host, admin: place.face(), seen, started: started.promise, letGo: () => gate.resolve() };
}

/** Resolves when the host knows that the tenant has changed: from then on its outbox is another (F9). */
function hostLearnsOf(host: MultiOutbox, id: string): Promise<unknown> {
  const before = host.outbox(id);
  return until('the host knows', () => host.outbox(id) !== before);
}

/** Statuses of the messages in a database: 2 is Done. */
function stored(file: string): Record<string, unknown> {
  const rows = place.connection(file).prepare('SELECT Payload, Status FROM Outbox').all();
  return Object.fromEntries(rows.map(({ Payload, Status }) => [Payload, Status]));
}

interface Change {
  readonly change: string;
  readonly apply: (admin: MultiOutbox) => Promise<unknown>;
  /** The id that is dispatched afterwards, and its file. */
  readonly id: string;
  readonly file: string;
}

const changes: readonly Change[] = [
  {
    change: 'paused and resumed',
    apply: async (admin) => {
      await admin.tenants.pause('a');
      await admin.tenants.resume('a');
    },
    id: 'a',
    file: 'tenants/a.db',
  },
  {
    change: 'removed and added again',
    apply: async (admin) => {
      await admin.tenants.remove('a');
      await admin.tenants.add({ id: 'a' });
    },
    id: 'a',
    file: 'tenants/a.db',
  },
  {
    change: 'renamed',
    apply: async (admin) => {
      await admin.tenants.remove('a');
      await admin.tenants.add({ id: 'renamed', database: 'tenants/a.db' });
    },
    id: 'renamed',
    file: 'tenants/a.db',
  },
  {
    change: 'moved to another database',
    apply: async (admin) => {
      await admin.tenants.change({ id: 'a', database: 'moved/a.db' });
      await admin.migrate({ tenants: ['a'] });
    },
    id: 'a',
    file: 'moved/a.db',
  },
  {
    change: 'given other overrides',
    apply: (admin) =>
      admin.tenants.change({ id: 'a', database: 'tenants/a.db', overrides: { concurrency: 1 } }),
    id: 'a',
    file: 'tenants/a.db',
  },
];

test.each(changes)(
  'F2: $change while its run is in flight: the run ends where it began, the next goes by the change',
  async ({ apply, id, file }) => {
    const { host, admin, seen, started, letGo } = await sceneInFlight();
    await whileRunning(host, async () => {
      await send(host, 'a', 'in flight');
      await started;
      const learnt = hostLearnsOf(host, 'a');
      await apply(admin);
      await send(admin, id, 'after');
      await learnt;
      letGo();
      await until('the next is served', () => seen.includes(`${id}:after`));
    });
    // Each message was dispatched once, and settled in its own database.
    expect(seen).toEqual(['a:in flight', `${id}:after`]);
    expect({ ...stored('tenants/a.db'), ...stored(file) }).toEqual({ 'in flight': 2, after: 2 });
  },
);

test.each(['pause', 'remove'] as const)(
  'F2: %s while its run is in flight: the run is settled, and no other run follows',
  async (verb) => {
    const { host, admin, seen, started, letGo } = await sceneInFlight(['a', 'b']);
    await whileRunning(host, async () => {
      await send(host, 'a', 'in flight');
      await started;
      const learnt = hostLearnsOf(host, 'a');
      await admin.tenants[verb]('a');
      await learnt;
      const producer = place.connection('tenants/a.db');
      producer.exec("INSERT INTO Outbox (Topic, Payload) VALUES ('orders', 'after')");
      letGo();
      const settled = () => stored('tenants/a.db')['in flight'] === 2;
      await until('it is settled', settled);
      for (const payload of ['1', '2', '3']) {
        await send(admin, 'b', payload);
        await until('the other is served', () => seen.includes(`b:${payload}`));
      }
    });
    expect(seen.filter((one) => one.startsWith('a:'))).toEqual(['a:in flight']);
    expect(stored('tenants/a.db')).toEqual({ 'in flight': 2, after: 0 });
  },
);

test('F2: a run of a tenant that was removed keeps its connections until it has ended, and no longer', async () => {
  const { host, started, letGo } = await sceneInFlight();
  await send(host, 'a', 'in flight');
  const run = host.dispatch({ tenantId: 'a' });
  await started;
  await host.tenants.remove('a');
  const log = place.file('tenants/a.db-wal');
  expect(existsSync(log)).toBe(true);
  letGo();
  expect(await run).toMatchObject({ outcome: 'dispatched', counts: { done: 1, lost: 0 } });
  // SQLite removes this file when the last connection is closed.
  await until('they are closed', () => !existsSync(log));
});

test('F2, D1: its new name gets no run beside the one that began under the old name', async () => {
  const { host, admin, seen, started, letGo } = await sceneInFlight();
  await send(host, 'a', 'in flight');
  await send(host, 'a', 'behind it');
  const run = host.dispatch({ tenantId: 'a' });
  await started;
  await admin.tenants.remove('a');
  await admin.tenants.add({ id: 'renamed', database: 'tenants/a.db' });
  expect(await host.dispatch({ tenantId: 'renamed' })).toMatchObject({
    outcome: 'skipped',
    skipped: 'leased-elsewhere',
  });
  letGo();
  expect(await run).toMatchObject({ counts: { done: 2 } });
  expect(seen.sort()).toEqual(['a:behind it', 'a:in flight']);
});

test('L5: a lease does not move with its tenant: the holder loses it', async () => {
  const host = await place.fleet(['a']);
  const lease = (await host.leases('a').acquire('report'))!;
  await host.tenants.change({ id: 'a', database: 'moved/a.db' });
  await host.migrate({ tenants: ['a'] });
  await expect(lease.renew()).rejects.toMatchObject({ code: 'LEASE_LOST', tenantId: 'a' });
  expect((await host.leases('a').acquire('report'))!.fence).toBe(1);
});

test('F2: no tenant at the start: the first one that is added is dispatched', async () => {
  const { seen, handlers } = noting();
  const host = await place.fleet([], { handlers, ...quick });
  const admin = place.face();
  let plans = 0;
  const stop = new AbortController();
  const running = host.run({ signal: stop.signal, onPlan: () => plans++ });
  await until('it has planned for nobody', () => plans > 3);
  await admin.tenants.add({ id: 'first' });
  await admin.migrate({ tenants: ['first'] });
  await send(admin, 'first', '1');
  await until('it is served', () => seen.includes('first:1'));
  stop.abort();
  await running;
});

describe('an unreachable registry (F2, D8)', () => {
  test('F2: at the start: the host waits for it, and dispatches once it is reachable', async () => {
    const { seen, handlers } = noting();
    const host = place.face({ handlers, ...quick });
    await expect(host.plan()).rejects.toMatchObject({ code: expect.stringMatching(/MISSING/) });
    await whileRunning(host, async () => {
      const admin = await place.fleet(['a']);
      await send(admin, 'a', '1');
      await until('it is served', () => seen.includes('a:1'));
    });
  });

  test('F2: in the middle: a run is still settled, and the host resumes once it is reachable', async () => {
    const { seen, handlers } = noting();
    const host = await place.fleet(['a'], { handlers, ...quick, sqlite: { busyTimeoutMs: 5 } });
    await send(host, 'a', '1');
    const { requests } = await host.plan();
    const blocker = place.connection('registry.db');
    blocker.exec('BEGIN EXCLUSIVE');
    await expect(host.plan()).rejects.toMatchObject({ code: 'DATABASE_LOCKED' });
    expect(await host.dispatch(requests[0]!)).toMatchObject({ outcome: 'dispatched', counts: { done: 1 } });
    expect(stored('tenants/a.db')).toEqual({ 1: 2 });
    // Enqueuing works too: the wake after it may fail.
    await send(host, 'a', '2');
    await whileRunning(host, async () => {
      blocker.exec('COMMIT');
      await host.wake('a');
      await until('it is served', () => seen.includes('a:2'));
    });
    expect(seen).toEqual(['a:1', 'a:2']);
  });
});
