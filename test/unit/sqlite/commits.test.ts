/** F7: the ends of callers' successive transactions on one connection, which `DatabaseSync` does not report. */
import type { DatabaseSync } from 'node:sqlite';
import { Connection } from '../../../src/engine/sqlite/connection.ts';
import { DatabaseFile } from '../../../src/engine/sqlite/file.ts';
import { nextLookMs } from '../../../src/engine/sqlite/queue/commits.ts';
import type { WorkQueue } from '../../../src/engine/work-queue.ts';
import { until } from '../../conformance/until.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';
import { message, tenantFileOf, withProgram } from './scene.ts';

const place = new SqlitePlace();

/** Stores a message in the caller's transaction. Returns how the transaction ends, in an object: it is not awaited here. */
async function enqueueIn(queue: WorkQueue, caller: DatabaseSync, stored = message('x')) {
  await queue.enqueue([stored], caller);
  return { committed: queue.committed(caller, stored.messageId) };
}

/** Commits a transaction of another tenant and waits for its report: each transaction that is awaited is polled meanwhile. */
async function anotherCommit(other: WorkQueue): Promise<void> {
  await withProgram(tenantFileOf(place, 'other'), async (caller) => {
    caller.exec('BEGIN IMMEDIATE');
    const { committed } = await enqueueIn(other, caller);
    caller.exec('COMMIT');
    expect(await committed).toBe(true);
  });
}

describe.each([
  ['COMMIT', true],
  ['ROLLBACK', false],
])('after a %s', (end, isCommitted) => {
  test('F7: a transaction’s end is reported while the next one is open', async () => {
    const queue = await place.outbox();
    await withProgram(tenantFileOf(place), async (caller) => {
      caller.exec('BEGIN IMMEDIATE');
      const first = await enqueueIn(queue, caller);
      caller.exec(`${end}; BEGIN IMMEDIATE`);
      const second = await enqueueIn(queue, caller);
      expect(second.committed).not.toBe(first.committed);
      expect(await first.committed).toBe(isCommitted);
      expect(caller.isTransaction).toBe(true);
      caller.exec('COMMIT');
      expect(await second.committed).toBe(true);
    });
  });
});

test('F7: a commit is detected although the message used to detect it was undone', async () => {
  const queue = await place.outbox();
  await withProgram(tenantFileOf(place), async (caller) => {
    caller.exec('BEGIN IMMEDIATE; SAVEPOINT part');
    const undone = await enqueueIn(queue, caller);
    caller.exec('ROLLBACK TO part');
    const kept = await enqueueIn(queue, caller);
    expect(await undone.committed).toBe(false);
    caller.exec('COMMIT');
    expect(await kept.committed).toBe(true);
  });
});

test('F7: a caller’s connection that cannot be asked for its own message costs no wake', async () => {
  const queue = await place.outbox();
  await withProgram(tenantFileOf(place), async (caller) => {
    caller.exec('BEGIN IMMEDIATE');
    const undone = await enqueueIn(queue, caller);
    caller.exec('ROLLBACK; BEGIN IMMEDIATE');
    const stored = message('x');
    await queue.enqueue([stored], caller);
    // The temporary table hides the queue's table only from this connection.
    caller.exec('CREATE TEMP TABLE Outbox (MessageId TEXT)');
    const committed = queue.committed(caller, stored.messageId);
    caller.exec('COMMIT');
    expect(await undone.committed).toBe(false);
    expect(await committed).toBe(true);
  });
});

test('F7: a message stored again after a rollback is reported again', async () => {
  const queue = await place.outbox();
  const again = message('x');
  await withProgram(tenantFileOf(place), async (caller) => {
    caller.exec('BEGIN IMMEDIATE');
    const undone = await enqueueIn(queue, caller, again);
    caller.exec('ROLLBACK');
    expect(await undone.committed).toBe(false);
    caller.exec('BEGIN IMMEDIATE');
    const kept = await enqueueIn(queue, caller, again);
    caller.exec('COMMIT');
    expect(await kept.committed).toBe(true);
  });
});

test('F7: messages of one transaction have one answer, also after an earlier transaction has ended', async () => {
  const queue = await place.outbox();
  const other = await place.outbox('other');
  await withProgram(tenantFileOf(place), async (caller) => {
    caller.exec('BEGIN IMMEDIATE');
    const first = await enqueueIn(queue, caller);
    caller.exec('COMMIT; BEGIN IMMEDIATE');
    const second = await enqueueIn(queue, caller);
    expect(await first.committed).toBe(true);
    // The first transaction's end has been polled once more when this is over.
    await anotherCommit(other);
    const third = await enqueueIn(queue, caller);
    expect(third.committed).toBe(second.committed);
    caller.exec('COMMIT');
    expect(await third.committed).toBe(true);
  });
});

test('F7: waiting for a transaction’s end does not keep the process running', async () => {
  const queue = await place.outbox();
  const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
  await withProgram(tenantFileOf(place), async (caller) => {
    caller.exec('BEGIN IMMEDIATE');
    const before = timers();
    const { committed } = await enqueueIn(queue, caller);
    expect(timers()).toBe(before);
    caller.exec('COMMIT');
    expect(await committed).toBe(true);
  });
});

test('F7: a database that is closed before the transaction ends reports a commit after it, and is not opened again', async () => {
  const engine = place.engine();
  const database = await place.tenant('acme', engine);
  const other = await place.outbox('other');
  await withProgram(tenantFileOf(place), async (caller) => {
    caller.exec('BEGIN IMMEDIATE');
    const { committed } = await enqueueIn(database.queue('outbox'), caller);
    let told = false;
    void committed.then(() => {
      told = true;
    });
    await engine.close();
    const opening = jest.spyOn(DatabaseFile.prototype, 'connect');
    await anotherCommit(other);
    expect(told).toBe(false);
    const opened = opening.mock.contexts.map((file) => (file as DatabaseFile).path);
    expect(opened).not.toContain(tenantFileOf(place));
    opening.mockRestore();
    caller.exec('ROLLBACK');
    // An unnecessary wake is better than a missing one.
    expect(await committed).toBe(true);
  });
});

test('F7: a transaction’s end is looked for after a tenth of the time that it has lasted, within limits', () => {
  expect([0, 40, 500, 60_000].map(nextLookMs)).toEqual([5, 5, 50, 100]);
});

test('F7: a transaction of another driver counts as committed when its message is there, and not before', async () => {
  const queue = await place.outbox();
  const letter = message('1');
  const looks = jest.spyOn(Connection.prototype, 'get');
  let isCommitted = false;
  const committed = queue.committed({}, letter.messageId).then(() => {
    isCommitted = true;
  });
  const looksForIt = () => looks.mock.calls.filter(([, id]) => id === letter.messageId).length;
  await until('it is looked for a second time', async () => isCommitted || looksForIt() >= 2);
  expect(isCommitted).toBe(false);
  await queue.enqueue([letter]);
  await committed;
  looks.mockRestore();
});
