/** A file that is unchanged since a look found nothing in it is not opened for the next look; any change is seen. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  lstatSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
} from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { Engine } from '../../../src/engine/engine.ts';
import { isSettled, UnchangedFiles } from '../../../src/engine/sqlite/unchanged-files.ts';
import type { BeginRequest, BeginResult, QueueName } from '../../../src/engine/work-queue.ts';
import { tenantDefinition } from '../../../src/fleet/tenants/definition.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';
import { begin, failure, manyBytes, message, settle, tenantFileOf, withProgram } from './scene.ts';

const place = new SqlitePlace();
const longAgo = new Date('2020-01-01');
const request: BeginRequest = {
  owner: 'run',
  durationMs: 60_000,
  claim: { limit: 100, maxBytes: manyBytes },
};

afterEach(() => jest.restoreAllMocks());

interface Look {
  readonly begun: BeginResult;
  /** Whether the file was opened: SQLite keeps these files beside an open one. */
  readonly opened: boolean;
}

/** What a run of a tenant finds whose file was closed; closes the file again. */
async function look(
  engine: Engine,
  more: Partial<BeginRequest> = {},
  queue: QueueName = 'outbox',
): Promise<Look> {
  const tenant = engine.openTenant(tenantDefinition({ id: 'acme' }));
  try {
    const before = existsSync(`${file()}-shm`);
    const begun = await tenant.queue(queue).begin({ ...request, ...more });
    return { begun, opened: !before && existsSync(`${file()}-shm`) };
  } finally {
    await tenant.close();
  }
}

const file = () => tenantFileOf(place);
const isIdle = (opened: boolean) => ({ begun: { status: 'idle', messages: [], nextDueInMs: null }, opened });
const hasFound = (payload = 'new') => ({ begun: { status: 'claimed', messages: [{ payload }] } });

/** As if the last change of the file's content were long ago. Only then a look is remembered. */
const age = () => utimesSync(file(), longAgo, longAgo);

/** An engine that has looked at an idle tenant, whose file is closed. */
async function looked(
  fill: (queue: Awaited<ReturnType<SqlitePlace['outbox']>>) => Promise<unknown> = async () => {},
) {
  const maker = place.engine();
  await fill(await place.outbox('acme', maker));
  await maker.close();
  age();
  const engine = place.engine();
  expect(await look(engine)).toMatchObject({ opened: true });
  return engine;
}

const insert = (db: DatabaseSync) => db.exec("INSERT INTO Outbox (Topic, Payload) VALUES ('orders', 'new')");

test('Q9: the next looks do not open the file, and answer as a look does', async () => {
  const engine = await looked();
  const earliest = Date.now();
  const { begun, opened } = await look(engine);
  expect(opened).toBe(false);
  const again = await look(place.engine());
  expect(again.opened).toBe(true);
  const nowUtc = expect.any(Date);
  expect({ ...begun, nowUtc }).toEqual({ ...again.begun, nowUtc });
  expect((begun as { nowUtc: Date }).nowUtc.getTime()).toBeGreaterThanOrEqual(earliest);
});

test('Q9: each queue is looked at by itself', async () => {
  const engine = await looked();
  expect(await look(engine, {}, 'inbox')).toEqual({ begun: expect.anything(), opened: true });
  expect(await look(engine, {}, 'inbox')).toMatchObject(isIdle(false));
  expect(await look(engine)).toMatchObject(isIdle(false));
});

test('Q9: a tenant with Done messages only', async () => {
  const engine = await looked(async (queue) => {
    await queue.enqueue([message('done')]);
    const claimed = await begin(queue);
    await settle(
      queue,
      claimed,
      claimed.messages.map(({ sequence, messageId }) => ({ kind: 'done', sequence, messageId })),
    );
  });
  const retention = { doneMs: 60_000, limit: 100 };
  expect(await look(engine, { retention })).toMatchObject(isIdle(false));
  // Q12: until their retention is over.
  jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 61_000);
  expect(await look(engine, { retention })).toMatchObject({ opened: true });
});

test.each<[string, (db: DatabaseSync) => void]>([
  [
    'with a Dead message',
    (db) => db.exec("INSERT INTO Outbox (Topic, Payload, Status, SettledUtc) VALUES ('t', '', 3, 1)"),
  ],
  [
    'with a blocked message',
    (db) => {
      db.exec("INSERT INTO Outbox (Topic, Payload, OrderingKey) VALUES ('t', '', 'k')");
      db.exec('UPDATE Outbox SET Blocked = 1');
    },
  ],
  [
    'with a delayed message',
    (db) => db.exec("INSERT INTO Outbox (Topic, Payload, DueUtc) VALUES ('t', '', 9e15)"),
  ],
  [
    'whose lease somebody has',
    (db) =>
      db.exec("INSERT INTO Leases (Name, Owner, Fence, ExpiresUtc) VALUES ('queue:outbox', 'x', 1, 9e15)"),
  ],
])('S2, Q11, L2: a tenant %s is looked at each time', async (_, change) => {
  const maker = place.engine();
  await place.outbox('acme', maker);
  await maker.close();
  await withProgram(file(), (db) => {
    db.exec('PRAGMA ignore_check_constraints = 1');
    change(db);
  });
  age();
  const engine = place.engine();
  for (let times = 0; times < 3; times++) expect(await look(engine)).toMatchObject({ opened: true });
});

describe('Q16: a message is found that another program has stored', () => {
  test('and has closed the file', async () => {
    const engine = await looked();
    await withProgram(file(), insert);
    expect(existsSync(`${file()}-wal`)).toBe(false);
    expect(await look(engine)).toMatchObject(hasFound());
  });

  test('and has the file open', async () => {
    const engine = await looked();
    await withProgram(file(), async (db) => {
      insert(db);
      expect(await look(engine)).toMatchObject(hasFound());
    });
  });

  test('and has emptied its log', async () => {
    const engine = await looked();
    await withProgram(file(), async (db) => {
      insert(db);
      db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      expect(statSync(`${file()}-wal`).size).toBe(0);
      expect(await look(engine)).toMatchObject(hasFound());
    });
  });

  test('without a write-ahead log', async () => {
    const engine = await looked();
    await withProgram(file(), (db) => {
      db.exec('PRAGMA journal_mode = DELETE');
      insert(db);
    });
    expect(await look(engine)).toMatchObject(hasFound());
  });

  test('during the look, which has not found it', async () => {
    const maker = place.engine();
    await place.outbox('acme', maker);
    await maker.close();
    age();
    const engine = place.engine();
    const program = new DatabaseSync(file());
    const stats = statSync(file());
    const { prepare } = DatabaseSync.prototype;
    // It commits, and ends, when the look has found nothing.
    jest.spyOn(DatabaseSync.prototype, 'prepare').mockImplementation(function (
      this: DatabaseSync,
      sql,
      options,
    ) {
      if (sql.includes('Outbox_Parked')) {
        jest.restoreAllMocks();
        const statement = prepare.call(this, sql, options);
        statement.get();
        insert(program);
        return statement;
      }
      return prepare.call(this, sql, options);
    });
    expect(await look(engine)).toMatchObject({ begun: { status: 'idle' } });
    program.close();
    utimesSync(file(), stats.atime, stats.mtime);
    expect(await look(engine)).toMatchObject(hasFound());
  });

  test('and that was removed again in a log which is lost', async () => {
    const maker = place.engine();
    await (await place.outbox('acme', maker)).enqueue([message('new')]);
    await maker.close();
    age();
    const engine = place.engine();
    const program = spawn(process.execPath, [
      '--eval',
      `const { DatabaseSync } = require('node:sqlite');
      const db = new DatabaseSync(${JSON.stringify(file())});
      db.exec('DELETE FROM Outbox');
      console.log('deleted');
      setInterval(() => {}, 1_000);`,
    ]);
    const ended = once(program, 'exit');
    await once(program.stdout, 'data');
    expect(await look(engine)).toMatchObject({ begun: { status: 'idle' } });
    program.kill('SIGKILL');
    await ended;
    for (const suffix of ['-wal', '-shm']) rmSync(file() + suffix);
    expect(await look(engine)).toMatchObject(hasFound());
  });
});

test('Q16: a restored file, which has the size and the time of the other', async () => {
  const maker = place.engine();
  const queue = await place.outbox('acme', maker);
  await queue.enqueue([message('new')]);
  await maker.close();
  const backup = place.file('backup.db');
  copyFileSync(file(), backup);
  await withProgram(file(), (db) => db.exec('DELETE FROM Outbox'));
  age();
  const engine = place.engine();
  expect(await look(engine)).toMatchObject(isIdle(true));
  expect(await look(engine)).toMatchObject(isIdle(false));
  const { size } = lstatSync(file());
  copyFileSync(backup, file());
  age();
  expect(lstatSync(file())).toMatchObject({ size, mtime: longAgo });
  expect(await look(engine)).toMatchObject(hasFound());
});

test('Q16: after the clock was set back, the file is opened', async () => {
  const engine = await looked();
  const now = Date.now();
  const clock = jest.spyOn(Date, 'now').mockReturnValue(now - 60_000);
  expect(await look(engine)).toMatchObject({ opened: true });
  clock.mockReturnValue(now + 60_000);
  expect(await look(engine)).toMatchObject(isIdle(false));
});

test('Q16: after an hour the file is opened, whatever its times say', async () => {
  const engine = await looked();
  const now = Date.now();
  const clock = jest.spyOn(Date, 'now').mockReturnValue(now + 3_500_000);
  expect(await look(engine)).toMatchObject(isIdle(false));
  clock.mockReturnValue(now + 3_600_001);
  expect(await look(engine)).toMatchObject(isIdle(true));
});

test('Q16: a file that was changed just before it was opened could change again at the same time', async () => {
  const maker = place.engine();
  await place.outbox('acme', maker);
  await maker.close();
  const engine = place.engine();
  for (let times = 0; times < 3; times++) expect(await look(engine)).toMatchObject(isIdle(true));
  age();
  expect(await look(engine)).toMatchObject(isIdle(true));
  expect(await look(engine)).toMatchObject(isIdle(false));
});

test('with a replaced clock, files are opened', async () => {
  await (await looked()).close();
  const engine = place.engine({ clock: Date.now });
  for (let times = 0; times < 3; times++) expect(await look(engine)).toMatchObject(isIdle(true));
});

test('a file that was removed, or replaced by a link', async () => {
  const engine = await looked();
  const moved = place.file('moved.db');
  renameSync(file(), moved);
  expect((await failure(look(engine))).code).toBe('DATABASE_MISSING');
  symlinkSync(moved, file());
  for (let times = 0; times < 3; times++) expect((await look(engine)).begun.status).toBe('idle');
  // A link's log is beside its target.
  await withProgram(moved, async (db) => {
    insert(db);
    expect(await look(engine)).toMatchObject(hasFound());
  });
  rmSync(file());
});

test('a database that was closed is not used', async () => {
  const engine = await looked();
  const tenant = engine.openTenant(tenantDefinition({ id: 'acme' }));
  const queue = tenant.queue('outbox');
  await tenant.close();
  expect((await failure(queue.begin(request))).code).toBe('CLOSED');
});

describe('which files tell each change', () => {
  const stats = () =>
    Object.assign(Object.create(null), statSync(__filename, { bigint: true }), { mtimeMs: 0n, ctimeNs: 1n });

  test('those with fractions of seconds and numbers, that were not changed just now', () => {
    expect(isSettled(stats())).toBe(true);
    expect(isSettled({ ...stats(), mtimeMs: BigInt(Date.now()) })).toBe(false);
    expect(isSettled({ ...stats(), ctimeNs: 5_000_000_000n })).toBe(false);
    expect(isSettled({ ...stats(), ino: 0n })).toBe(false);
  });

  test('not on Windows', () => {
    const platform = process.platform;
    Object.defineProperty(process, 'platform', { value: 'win32' });
    try {
      expect(isSettled(stats())).toBe(false);
    } finally {
      Object.defineProperty(process, 'platform', { value: platform });
    }
  });
});

test('the last look counts', () => {
  const name = place.file('1.db');
  new DatabaseSync(name).close();
  utimesSync(name, longAgo, longAgo);
  const unchanged = new UnchangedFiles();
  unchanged.opening(name, statSync(name, { bigint: true }));
  for (const now of [1, 2]) unchanged.remember(name, 'Outbox', { now, oldestDoneUtc: null });
  expect(unchanged.recall(name, 'Outbox')).toEqual({ now: 2, oldestDoneUtc: null });
});

test('so many files are remembered at most', async () => {
  const files = ['1.db', '2.db', '3.db'].map((name) => place.file(name));
  const unchanged = new UnchangedFiles(2);
  const found = { now: 1, oldestDoneUtc: null };
  for (const each of files) {
    new DatabaseSync(each).close();
    utimesSync(each, longAgo, longAgo);
    unchanged.opening(each, statSync(each, { bigint: true }));
    unchanged.remember(each, 'Outbox', found);
  }
  expect(files.map((each) => unchanged.recall(each, 'Outbox'))).toEqual([undefined, found, found]);
});
