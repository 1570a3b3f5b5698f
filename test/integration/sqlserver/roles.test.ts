/**
 * What each role may do and may not, and that one tenant's login opens no other tenant's database. Needs a server whose
 * login may create logins; see test/conformance/sqlserver-harness.ts.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import * as mssql from 'mssql';
import type { TenantAddress } from '../../../src/engine/engine.ts';
import { createSqlServerEngine } from '../../../src/engine/sqlserver/index.ts';
import { next } from '../../conformance/run.ts';
import { connect, serverVariable, TestDatabases } from '../../conformance/sqlserver-harness.ts';

const connectionString = process.env[serverVariable] ?? '';
const describeOnServer = connectionString === '' ? describe.skip : describe;
const claim = { limit: 10, maxBytes: 1_000_000 };
const refused = { code: 'LOGIN_REFUSED', tenantId: 'acme' };

describeOnServer(`roles of SQL Server (${serverVariable})`, () => {
  const databases = new TestDatabases(connectionString);
  const password = `P1_${randomBytes(12).toString('hex')}`;
  const logins: string[] = [];
  let mine = '';
  let other = '';

  const withLogin = (user: string) =>
    `${connectionString.replace(/(user id|uid|password|pwd|database)\s*=[^;]*;?/gi, '')};User Id=${user};Password=${password}`;
  const address = (database: string): TenantAddress => ({
    id: 'acme',
    server: '',
    database,
    auth: { kind: 'setting', name: 'T' },
    schema: 'messaging',
  });
  const engineOf = (user: string | null) =>
    createSqlServerEngine({
      registry: `mssql:${connectionString};Database=master`,
      env: { T: user === null ? connectionString : withLogin(user) },
    });

  async function as<T>(
    user: string | null,
    work: (open: (database: string) => ReturnType<ReturnType<typeof engineOf>['openTenant']>) => Promise<T>,
  ): Promise<T> {
    const engine = engineOf(user);
    try {
      return await work((database) => engine.openTenant(address(database)));
    } finally {
      await engine.close();
    }
  }

  async function batch(database: string, ...statements: string[]): Promise<void> {
    const pool = await connect(connectionString, database);
    try {
      for (const statement of statements) await new mssql.Request(pool).batch(statement);
    } finally {
      await pool.close();
    }
  }

  /** A login with a user in a database, in one role. */
  async function newUser(database: string, role: string): Promise<string> {
    const name = `mo_test_${randomBytes(6).toString('hex')}`;
    await batch('master', `CREATE LOGIN [${name}] WITH PASSWORD = '${password}'`);
    logins.push(name);
    await batch(
      database,
      `CREATE USER [${name}] FOR LOGIN [${name}]`,
      `ALTER ROLE [${role}] ADD MEMBER [${name}]`,
    );
    return name;
  }

  beforeAll(async () => {
    mine = await databases.create();
    other = await databases.create();
    await as(null, async (open) => {
      await open(mine).schema.migrate();
      await open(other).schema.migrate();
    });
  }, 120_000);

  afterAll(async () => {
    await databases.dispose();
    for (const login of logins) await batch('master', `DROP LOGIN [${login}]`);
  }, 120_000);

  test('a producer enqueues, and neither claims nor looks nor changes', async () => {
    const user = await newUser(mine, 'messaging_producer');
    await as(user, async (open) => {
      const queue = open(mine).queue('outbox');
      const messageId = randomUUID();
      expect(await queue.enqueue([{ messageId, topic: 't', payload: 'x' }])).toMatchObject([
        { status: 'enqueued' },
      ]);
      const forbidden = [
        () => queue.begin({ owner: 'o', durationMs: 1_000, claim }),
        () => queue.statistics(),
        () => queue.get(messageId),
        () => queue.discardDead({}, 1),
        () => open(mine).leases.list(),
      ];
      for (const call of forbidden) await expect(call()).rejects.toMatchObject(refused);
    });
  }, 120_000);

  test('a dispatcher runs, and does not bury', async () => {
    const user = await newUser(mine, 'messaging_dispatcher');
    await as(user, async (open) => {
      const queue = open(mine).queue('inbox');
      await queue.enqueue([
        { messageId: randomUUID(), topic: 't', payload: 'x', orderingKey: 'K' },
        { messageId: randomUUID(), topic: 't', payload: 'y', orderingKey: 'K' },
      ]);
      const run = await queue.begin({ owner: 'o', durationMs: 60_000, claim: { ...claim, limit: 1 } });
      if (run.status !== 'claimed') throw new Error('expected a claim');
      const settled = await queue.settle({
        lease: run.lease,
        leaseMs: 60_000,
        outcomes: run.messages.map(({ sequence }) => ({ sequence, kind: 'done' })),
        onDead: 'block',
        // biome-ignore lint/suspicious/noThenProperty: the seam's word
        then: next(claim),
      });
      expect(settled.messages.map(({ payload }) => payload)).toEqual(['y']);
      expect(await queue.statistics()).toMatchObject({ claimed: 1 });
      expect(await open(mine).leases.acquire({ name: 'job', owner: 'o', durationMs: 1_000 })).toMatchObject({
        status: 'acquired',
      });
      await expect(queue.replayDead({}, 1)).rejects.toMatchObject(refused);
      await expect(queue.listDead({}, { limit: 1 })).rejects.toMatchObject(refused);
    });
  }, 120_000);

  test('an operator looks and buries, and does not run', async () => {
    const user = await newUser(mine, 'messaging_operator');
    await as(user, async (open) => {
      const queue = open(mine).queue('outbox');
      expect(await queue.replayDead({}, 1)).toBe(0);
      expect(await queue.listDead({}, { limit: 1 })).toEqual([]);
      expect(await open(mine).leases.list()).toEqual(expect.any(Array));
      await expect(queue.begin({ owner: 'o', durationMs: 1_000, claim })).rejects.toMatchObject(refused);
    });
  }, 120_000);

  test('D8: a login that has no user in the other tenant’s database does not get in', async () => {
    const user = await newUser(mine, 'messaging_dispatcher');
    await as(user, async (open) => {
      expect(await open(mine).queue('outbox').statistics()).toMatchObject({ dead: 0 });
      await expect(open(other).queue('outbox').statistics()).rejects.toMatchObject(refused);
    });
  }, 120_000);
});
