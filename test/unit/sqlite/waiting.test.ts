/** Waiting for another connection's lock leaves the event loop free (D8). */
import { setImmediate as turn } from 'node:timers/promises';
import { tenantDefinition } from '../../../src/fleet/tenants/definition.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';
import { begin, failure, message, settle, tenantFileOf, withProgram } from './scene.ts';

const place = new SqlitePlace();

/** A call that has not ended yet, and whether it has. */
function pending<T>(call: Promise<T>): { call: Promise<T>; ended: () => boolean } {
  let ended = false;
  const note = () => {
    ended = true;
  };
  call.then(note, note);
  return { call, ended: () => ended };
}

test('D8: while one tenant waits for a lock, another one works; then the first goes on', async () => {
  const engine = place.engine({ busyTimeoutMs: 60_000 });
  const locked = await place.outbox('acme', engine);
  const neighbour = await place.outbox('neighbour', engine);
  await withProgram(tenantFileOf(place), async (db) => {
    db.exec('BEGIN IMMEDIATE');
    const waiting = pending(locked.enqueue([message('late')]));
    for (let round = 0; round < 20; round++) {
      // Timers and input are processed too, not only promises.
      await turn();
      await neighbour.enqueue([message(`${round}`)]);
      const run = await begin(neighbour);
      expect(run.messages).toMatchObject([{ payload: `${round}` }]);
      await settle(neighbour, run, [{ ...run.messages[0]!, kind: 'done' }]);
    }
    expect(waiting.ended()).toBe(false);
    db.exec('COMMIT');
    expect(await waiting.call).toMatchObject([{ status: 'enqueued' }]);
  });
});

test('Q4: readers do not wait for a writer, nor an idle begin', async () => {
  const queue = await place.outbox('acme', place.engine({ busyTimeoutMs: 0 }));
  await withProgram(tenantFileOf(place), async (db) => {
    db.exec('BEGIN IMMEDIATE');
    expect(await queue.statistics()).toMatchObject({ ready: 0 });
    const idle = await queue.begin({ owner: 'run', durationMs: 1_000, claim: { limit: 1, maxBytes: 1 } });
    expect(idle.status).toBe('idle');
    db.exec('COMMIT');
  });
});

test('D1: a begin of a tenant whose lease another owner has waits for no writer', async () => {
  const queue = await place.outbox('acme', place.engine({ busyTimeoutMs: 0 }));
  await queue.enqueue([message('x'), message('y')]);
  await begin(queue, 1);
  await withProgram(tenantFileOf(place), async (db) => {
    db.exec('BEGIN IMMEDIATE');
    const claim = { limit: 1, maxBytes: 1 };
    expect(await queue.begin({ owner: 'another', durationMs: 1_000, claim })).toMatchObject({
      status: 'leased-elsewhere',
      owner: 'run',
    });
    db.exec('COMMIT');
  });
});

test('Q9: an idle begin writes nothing: neither the fence nor the file changes', async () => {
  const engine = place.engine();
  const database = await place.tenant('acme', engine);
  await withProgram(tenantFileOf(place), async (db) => {
    const version = () => db.prepare('PRAGMA data_version').get();
    const before = version();
    const request = { owner: 'run', durationMs: 1_000, claim: { limit: 1, maxBytes: 1 } };
    const retention = { doneMs: 1_000, limit: 10 };
    expect(await database.queue('outbox').begin({ ...request, retention })).toMatchObject({ status: 'idle' });
    expect(version()).toEqual(before);
    expect(await database.leases.list()).toEqual([]);
    await database.queue('outbox').enqueue([message('x')]);
    expect(version()).not.toEqual(before);
  });
});

test('Q9, Q12: nor does a begin that finds only done messages within their retention', async () => {
  const queue = await place.outbox();
  await queue.enqueue([message('x')]);
  const run = await begin(queue);
  await settle(queue, run, [{ ...run.messages[0]!, kind: 'done' }]);
  await withProgram(tenantFileOf(place), async (db) => {
    const version = () => db.prepare('PRAGMA data_version').get();
    const before = version();
    const request = { owner: 'run', durationMs: 1_000, claim: { limit: 1, maxBytes: 1 } };
    const retention = { doneMs: 3_600_000, limit: 10 };
    expect(await queue.begin({ ...request, retention })).toMatchObject({ status: 'idle', purged: 0 });
    expect(version()).toEqual(before);
  });
});

test('Q9, Q11: nor does a begin that finds only messages due later', async () => {
  const queue = await place.outbox();
  await queue.enqueue([message('x', { dueInMs: 3_600_000 })]);
  await withProgram(tenantFileOf(place), async (db) => {
    const version = () => db.prepare('PRAGMA data_version').get();
    const before = version();
    expect(
      await queue.begin({ owner: 'run', durationMs: 1_000, claim: { limit: 1, maxBytes: 1 } }),
    ).toMatchObject({
      status: 'idle',
    });
    expect(version()).toEqual(before);
  });
});

test('Q3: storing no messages waits for no lock', async () => {
  const queue = await place.outbox('acme', place.engine({ busyTimeoutMs: 0 }));
  await withProgram(tenantFileOf(place), async (db) => {
    db.exec('BEGIN IMMEDIATE');
    expect(await queue.enqueue([])).toEqual([]);
    db.exec('COMMIT');
  });
});

test('Q4, L2: a begin whose lease another owner took while it waited for the lock claims nothing', async () => {
  const queue = await place.outbox();
  await queue.enqueue([message('x')]);
  await withProgram(tenantFileOf(place), async (db) => {
    db.exec(`BEGIN IMMEDIATE; INSERT INTO Leases (Name, Owner, Fence, ExpiresUtc)
      VALUES ('queue:outbox', 'another', 7, (unixepoch() + 60) * 1000)`);
    // `begin` has read that no other owner holds the lease, and now has to write.
    const waiting = queue.begin({ owner: 'run', durationMs: 1_000, claim: { limit: 1, maxBytes: 1 } });
    db.exec('COMMIT');
    expect(await waiting).toMatchObject({ status: 'leased-elsewhere', owner: 'another' });
  });
  expect(await queue.statistics()).toMatchObject({ ready: 1, claimed: 0 });
});

test('F8: a waiting call fails with CLOSED when the engine closes', async () => {
  const engine = place.engine({ busyTimeoutMs: 60_000 });
  await place.outbox('acme', engine);
  const database = engine.openTenant(tenantDefinition({ id: 'acme' }));
  await withProgram(tenantFileOf(place), async (db) => {
    db.exec('BEGIN IMMEDIATE');
    const waiting = failure(database.queue('outbox').enqueue([message('x')]));
    await database.close();
    expect(await waiting).toMatchObject({ code: 'CLOSED', tenantId: 'acme' });
    db.exec('COMMIT');
  });
});
