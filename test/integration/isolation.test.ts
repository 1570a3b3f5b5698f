import { rmSync, writeFileSync } from 'node:fs';
import { defineHandler } from '../../src/queue/handler.ts';
import { MessagesInFlight } from '../../src/queue/in-flight.ts';
import { RunPhase } from '../../src/queue/run-phase.ts';
import { deferred } from '../support/deferred.ts';
import { FleetPlace, noting } from '../support/fleet-place.ts';
import { until } from '../support/until.ts';

const place = new FleetPlace();

const enqueueTo = async (face: ReturnType<FleetPlace['face']>, ids: readonly string[]) => {
  for (const id of ids) await face.outbox(id).enqueue({ topic: 'orders', payload: 'x' });
};

describe("one tenant's failure (D8)", () => {
  test('D8: beside a corrupt, a missing and a locked file and one without schema, the other tenants are dispatched', async () => {
    const { seen, handlers } = noting();
    const ids = ['corrupt', 'fine-1', 'fine-2', 'gone', 'locked', 'no-schema'];
    const face = await place.fleet(ids, {
      handlers,
      sqlite: { busyTimeoutMs: 50 },
      directory: { refreshMs: 1 },
    });
    await enqueueTo(face, ids);
    // The connections to the spoilt files are closed first, as if the process had just started.
    await face.close();
    for (const id of ['corrupt', 'gone', 'no-schema']) {
      for (const suffix of ['', '-wal', '-shm'])
        rmSync(place.file(`tenants/${id}.db${suffix}`), { force: true });
    }
    writeFileSync(
      place.file('tenants/corrupt.db'),
      'this is no database, and long enough to be read as one'.repeat(90),
    );
    place.connection('tenants/no-schema.db').exec('CREATE TABLE SomethingElse (X)');
    const locker = place.connection('tenants/locked.db');
    locker.exec('BEGIN EXCLUSIVE');

    const again = place.face({ handlers, sqlite: { busyTimeoutMs: 50 } });
    const { runs } = await again.tick();
    const found = Object.fromEntries(runs.map((run) => [run.tenantId, run.error?.code ?? run.outcome]));
    expect(found).toEqual({
      corrupt: 'DATABASE_CORRUPT',
      'fine-1': 'dispatched',
      'fine-2': 'dispatched',
      gone: 'DATABASE_MISSING',
      locked: 'DATABASE_LOCKED',
      'no-schema': 'SCHEMA_MISSING',
    });
    expect(seen.sort()).toEqual(['fine-1:x', 'fine-2:x']);
    for (const { outcome, tenantId } of runs)
      if (!tenantId.startsWith('fine')) expect(outcome).toBe('failed');

    // D7, F5: the registry knows, and the interval backs off.
    const { schedule } = await again.tenants.get('locked');
    expect(schedule).toMatchObject({
      lastOutcome: 'failed',
      failureStreak: 1,
      lastErrorCode: 'DATABASE_LOCKED',
    });
    expect(schedule.nextDueUtc!.getTime()).toBeGreaterThan(Date.now() + 2_000);
    expect(await again.status()).toMatchObject({ failing: 4 });

    // Once the file is repaired, its messages are dispatched, and the streak ends.
    locker.exec('ROLLBACK');
    await again.wake('locked');
    expect((await again.tick()).runs).toMatchObject([{ tenantId: 'locked', outcome: 'dispatched' }]);
    expect((await again.tenants.get('locked')).schedule).toMatchObject({ failureStreak: 0 });
    expect(seen).toContain('locked:x');
  });

  test('D8: a slow tenant occupies only its own slot: the others are dispatched meanwhile', async () => {
    const gate = deferred();
    const { seen, handlers } = noting((_, { tenant }) => (tenant.id === 'slow' ? gate.promise : undefined));
    const face = await place.fleet(['slow', 'a', 'b'], {
      handlers,
      dispatch: { parallelRuns: 2 },
      plan: { intervalMs: 10 },
    });
    const stop = new AbortController();
    await enqueueTo(face, ['slow']);
    const running = face.run({ signal: stop.signal });
    await until('the slow one is being served', () => seen.includes('slow:x'));
    await enqueueTo(face, ['a', 'b']);
    await until('the others are served', () => seen.includes('a:x') && seen.includes('b:x'));
    gate.resolve();
    stop.abort();
    await running;
    expect(await face.outbox('slow').statistics()).toMatchObject({ done: 1 });
  });

  test('D8: a tick dispatches the others while one is slow, and reports all in the order of the plan', async () => {
    const others = deferred();
    let served = 0;
    const { handlers } = noting((_, { tenant }) => {
      if (tenant.id === 'slow') return others.promise;
      if (++served === 3) others.resolve();
      return undefined;
    });
    const face = await place.fleet(['slow', 'a', 'b', 'c'], { handlers, dispatch: { parallelRuns: 2 } });
    await enqueueTo(face, ['slow', 'a', 'b', 'c']);
    const { plan, runs } = await face.tick();
    expect(runs.map(({ tenantId }) => tenantId)).toEqual(plan.requests.map(({ tenantId }) => tenantId));
    expect(runs.every(({ counts }) => counts.done === 1)).toBe(true);
  });
});

test('D8: an error of this program before the first handler fails the run, and leaves no timer', async () => {
  const face = await place.fleet(['acme'], { handlers: [defineHandler({ topic: 'orders', handle() {} })] });
  await face.outbox('acme').enqueue({ topic: 'orders', payload: '{}' });
  const accept = jest.spyOn(MessagesInFlight.prototype, 'accept').mockImplementationOnce(() => {
    throw new Error('odd');
  });
  const stopTimer = jest.spyOn(RunPhase.prototype, 'stopTimer');
  const report = await face.dispatch({ tenantId: 'acme' });
  expect(accept).toHaveBeenCalledTimes(1);
  expect(report).toMatchObject({ outcome: 'failed', queues: [{ queue: 'outbox', status: 'failed' }] });
  expect(stopTimer).toHaveBeenCalledTimes(1);
  jest.restoreAllMocks();
});
