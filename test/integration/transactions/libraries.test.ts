/** Q3: `transaction` takes what other libraries give. They run in a process of their own, because some are ES modules. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const names = [
  'node:sqlite',
  'better-sqlite3',
  'libsql',
  '@libsql/client',
  'knex',
  'kysely',
  'typeorm',
  'typeorm, a query runner',
  'mikro-orm, begin and commit',
  'mikro-orm',
  'any driver, with an id',
  'drizzle on @libsql/client',
];

let tried: Record<string, Record<string, unknown>>;

beforeAll(async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'multi-outbox-libraries-'));
  try {
    const program = path.join(__dirname, 'try-libraries.ts');
    const env = { ...process.env, NODE_NO_WARNINGS: '1' };
    const { stdout } = await promisify(execFile)(process.execPath, [program, folder], { env });
    tried = JSON.parse(stdout);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 120_000);

test('every library is tried', () => {
  expect(Object.keys(tried)).toEqual(names);
});

describe.each(names)('%s', (name) => {
  test('Q3: committed together: simultaneous calls, a duplicate, and a call that was refused', () => {
    expect(tried[name]).toMatchObject({
      statuses: ['enqueued', 'enqueued', 'duplicate'],
      committed: { orders: ['committed'], messages: ['a', 'b', 'd'] },
    });
  });

  test('Q3: rolled back together', () => {
    expect(tried[name]).toMatchObject({
      rejectedWith: 'its error',
      after: { orders: ['committed'], messages: ['a', 'b', 'd'] },
    });
  });

  test('Q3: misuse is refused: another tenant’s database, no transaction, one that has ended, a closed connection', () => {
    expect(tried[name]).toMatchObject({
      elsewhere: 'WRONG_DATABASE',
      birch: { ready: 0 },
      root: 'TRANSACTION_NOT_OPEN',
      closed: 'TRANSACTION_NOT_OPEN',
      // Some libraries do not tell that a transaction has ended, but refuse to use it.
      ended: expect.stringMatching(/^(TRANSACTION_NOT_OPEN|DATABASE_ERROR)$/),
    });
  });

  test('Q3: a call that is not awaited stores its messages with its own transaction, or not at all', () => {
    expect(tried[name]).toMatchObject({ notAwaited: [] });
  });
});
