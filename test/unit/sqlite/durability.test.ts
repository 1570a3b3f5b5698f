/** The durability of a commit: FULL by default, NORMAL when set, and less only for data that may be lost. */
import { open as openFile } from 'node:fs/promises';
import { Connection } from '../../../src/engine/sqlite/connection.ts';
import { DatabaseFile } from '../../../src/engine/sqlite/file.ts';
import { createSqliteEngine } from '../../../src/engine/sqlite/index.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';
import { message } from './scene.ts';

const place = new SqlitePlace();

afterEach(() => jest.restoreAllMocks());

/** The level of synchronisation of every write transaction that is begun, 1 for NORMAL and 2 for FULL. */
function levels(): number[] {
  const seen: number[] = [];
  const transaction = Connection.prototype.transaction;
  jest.spyOn(Connection.prototype, 'transaction').mockImplementation(function (this: Connection, kind, work) {
    const { synchronous } = this.database.prepare('PRAGMA synchronous').get() as { synchronous: number };
    if (kind === 'write') seen.push(synchronous);
    return transaction.call(this, kind, work as never) as never;
  });
  return seen;
}

test.each([
  [undefined, 2],
  ['full' as const, 2],
  ['normal' as const, 1],
])('synchronous %s commits at level %i', async (synchronous, level) => {
  const engine = createSqliteEngine({
    registry: place.file('registry.db'),
    ...(synchronous && { synchronous }),
  });
  const seen = levels();
  const queue = await place.outbox('acme', engine);
  await queue.enqueue([message('x')]);
  await engine.close();
  expect(seen).toEqual([level, level]);
});

test('F3: a plan that finds nothing due is recorded without an fsync, any other plan with one', async () => {
  const engine = createSqliteEngine({ registry: place.file('registry.db') });
  const registry = await place.registry(engine);
  const seen = levels();
  const plan = () => registry.beginPlan({ owner: 'planner', leaseMs: 1_000, limit: 10 });
  expect((await plan()).status).toBe('idle');
  expect(seen).toEqual([1]);
  await registry.leases.acquire({ name: 'mine', owner: 'me', durationMs: 1_000 });
  expect(seen).toEqual([1, 2]);
  await engine.close();
});

test('F7: a wake reaches the disk where file handles have no datasync, as under Yarn’s Plug’n’Play', async () => {
  const handle = await openFile(place.file('other'), 'w');
  const datasync = jest.spyOn(Object.getPrototypeOf(handle), 'datasync');
  datasync.mockRejectedValue(new Error('Method not implemented.'));
  await handle.close();
  const file = new DatabaseFile(place.file('a.db'), 'full');
  file.connect({ create: true }).database.exec('PRAGMA journal_mode = WAL; CREATE TABLE T (Id INTEGER)');
  await file.sync();
  file.disconnect();
});

test('a connection’s own busy timeout is 0', () => {
  const file = new DatabaseFile(place.file('a.db'), 'full');
  const { database } = file.connect({ create: true });
  expect(database.prepare('PRAGMA busy_timeout').get()).toMatchObject({ timeout: 0 });
  file.disconnect();
});
