/**
 * The rights of each role, and a tenant's login, which must not open any other tenant's database. Needs a server whose
 * login may create logins; see test/support/sqlserver.ts.
 */

import { randomBytes, randomUUID } from 'node:crypto';
import mssql from 'mssql';
import type { AuditEntry } from '../../../src/engine/audit.ts';
import type { SqlRow, SqlValue } from '../../../src/engine/callers-transaction.ts';
import type { TenantDatabase } from '../../../src/engine/engine.ts';
import { createSqlServerEngine } from '../../../src/engine/sqlserver/index.ts';
import { queueNames } from '../../../src/engine/work-queue.ts';
import { createMultiOutbox } from '../../../src/index.ts';
import { next } from '../../conformance/run.ts';
import { discardDead, listDead, replayDead } from '../../support/dead-letters.ts';
import { describeOnServer, serverConnectionString, serverVariable } from '../../support/sqlserver.ts';
import {
  connect,
  TestDatabases,
  tenantAddress,
  tenantsSetting,
  without,
} from '../../support/sqlserver-databases.ts';

const claim = { limit: 10, maxBytes: 1_000_000 };
const refused = { code: 'LOGIN_REFUSED', tenantId: 'acme' };

describeOnServer(`roles of SQL Server (${serverVariable})`, () => {
  const databases = new TestDatabases(serverConnectionString);
  const password = `P1_${randomBytes(12).toString('hex')}`;
  const logins: string[] = [];
  let mine = '';
  let other = '';

  const withLogin = (user: string) =>
    `${without(databases.connectionString, /^(user id|uid|password|pwd)$/i)};User Id=${user};Password=${password}`;

  async function as<T>(
    user: string,
    work: (open: (database: string) => TenantDatabase) => Promise<T>,
  ): Promise<T> {
    const engine = createSqlServerEngine({
      registry: databases.registryUrl('master'),
      env: { [tenantsSetting]: withLogin(user) },
    });
    try {
      return await work((database) => engine.openTenant(tenantAddress(database, 'acme')));
    } finally {
      await engine.close();
    }
  }

  /** A login with a user in a database, in one role. */
  async function newUser(database: string, role: string): Promise<string> {
    const name = `mo_test_${randomBytes(6).toString('hex')}`;
    await databases.batch('master', `CREATE LOGIN [${name}] WITH PASSWORD = '${password}'`);
    logins.push(name);
    await databases.batch(
      database,
      `CREATE USER [${name}] FOR LOGIN [${name}]`,
      `ALTER ROLE [${role}] ADD MEMBER [${name}]`,
    );
    return name;
  }

  beforeAll(async () => {
    mine = await databases.take('tenant');
    other = await databases.take('tenant');
  }, 120_000);

  afterAll(async () => {
    for (const name of [mine, other]) await databases.drop(name);
    for (const login of logins) await databases.batch('master', `DROP LOGIN [${login}]`);
    await databases.dispose();
  }, 120_000);

  test('a producer enqueues, and may not claim, read or change messages', async () => {
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
        () => discardDead(queue, {}, 1),
        () => open(mine).leases.list(),
      ];
      for (const call of forbidden) await expect(call()).rejects.toMatchObject(refused);
    });
  }, 120_000);

  test('a dispatcher runs, and may not resolve dead messages', async () => {
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
        outcomes: run.messages.map(({ sequence, messageId }) => ({ sequence, messageId, kind: 'done' })),
        onDead: 'block',
        // biome-ignore lint/suspicious/noThenProperty: the seam's word
        then: next(claim),
      });
      expect(settled.messages.map(({ payload }) => payload)).toEqual(['y']);
      expect(await queue.statistics()).toMatchObject({ claimed: 1 });
      const { sequence, messageId } = settled.messages[0]!;
      const { signal } = new AbortController();
      await queue.transact({ lease: run.lease, sequence, messageId, signal }, async () => {});
      expect(await queue.statistics()).toMatchObject({ claimed: 0, done: 2 });
      expect(await open(mine).leases.acquire({ name: 'job', owner: 'o', durationMs: 1_000 })).toMatchObject({
        status: 'acquired',
      });
      await expect(replayDead(queue, {}, 1)).rejects.toMatchObject(refused);
      await expect(listDead(queue, {}, { limit: 1 })).rejects.toMatchObject(refused);
    });
  }, 120_000);

  test('an operator reads, resolves dead messages and releases leases, and may not run', async () => {
    const user = await newUser(mine, 'messaging_operator');
    await as(user, async (open) => {
      const queue = open(mine).queue('outbox');
      expect(await replayDead(queue, {}, 1)).toBe(0);
      expect(await listDead(queue, {}, { limit: 1 })).toEqual([]);
      const { leases } = open(mine);
      expect(await leases.list()).toEqual(expect.any(Array));
      const lease = { name: 'job', owner: 'o' };
      await as(await newUser(mine, 'messaging_dispatcher'), async (openAsHolder) => {
        const held = await openAsHolder(mine).leases.acquire({ ...lease, durationMs: 60_000 });
        if (held.status !== 'acquired') throw new Error('expected the lease');
        const { fence, acquisitionId } = held;
        expect(await leases.release({ ...lease, fence, acquisitionId })).toBe(true);
      });
      await expect(leases.acquire({ ...lease, durationMs: 60_000 })).rejects.toMatchObject(refused);
      await expect(queue.begin({ owner: 'o', durationMs: 1_000, claim })).rejects.toMatchObject(refused);
    });
  }, 120_000);

  test('S3: an operator finds, reschedules, replaces and cancels messages', async () => {
    const sent = { messageId: randomUUID(), topic: 'sent', payload: 'x' };
    await as(await newUser(mine, 'messaging_producer'), async (open) => {
      await open(mine).queue('outbox').enqueue([sent]);
    });
    await as(await newUser(mine, 'messaging_operator'), async (open) => {
      const queue = open(mine).queue('outbox');
      expect(await queue.count({ topic: 'sent' }, { examine: 100 })).toMatchObject({ count: 1 });
      const found = await queue.find({ topic: 'sent' }, { limit: 10, examine: 100 });
      expect(found.messages.map(({ messageId }) => messageId)).toEqual([sent.messageId]);
      const [target] = found.messages;
      expect(await queue.act({ do: 'reschedule', delayMs: 60_000 }, [{ messageId: sent.messageId }])).toEqual(
        [sent.messageId],
      );
      const messageId = randomUUID();
      const replacement = { messageId, payload: 'y', headers: {}, delayMs: 0, reason: 'a wrong payload' };
      expect(await queue.replace({ ...replacement, target: target! })).toBe(false);
      expect(await queue.replace({ ...replacement, target: { messageId: sent.messageId } })).toBe(true);
      expect(await queue.act({ do: 'cancel', reason: 'not needed' }, [{ messageId }])).toEqual([messageId]);
      expect(await queue.get(messageId)).toMatchObject({ endReason: 'not needed' });
    });
  }, 120_000);

  test('S3, S4: an operator of the registry reads it, and keeps operations and the audit, and runs those on tenants; he may not plan', async () => {
    const database = await databases.take('registry');
    const user = await newUser(database, 'messaging_operator');
    const engine = createSqlServerEngine({
      registry: `mssql:${withLogin(user)};Database=${database}`,
      env: {},
    });
    try {
      const registry = engine.openRegistry();
      expect(await registry.fleet()).toMatchObject({ lastPlan: null });
      const entry = {
        actor: user,
        act: 'replay',
        tenantId: null,
        queue: null,
        selection: {},
        operationId: null,
      };
      const id = await registry.audit.begin(entry as AuditEntry);
      await registry.audit.end(id, { count: 1 });
      expect(await registry.audit.list({ limit: 5 })).toMatchObject([{ id, actor: user, count: 1 }]);
      expect(await registry.operations.list({ limit: 5 })).toEqual([]);
      const face = createMultiOutbox({
        registry: `mssql:${withLogin(user)};Database=${database}`,
        actor: user,
      });
      try {
        const tenants = ['acme', 'globex', 'nobody'];
        for (const id of ['acme', 'globex'])
          await face.tenants.add({ id, server: 'mine.database.windows.net', database: id });
        const overrides = { batchSize: 25, idleCeilingMs: 'never' };
        for (const act of [
          { act: 'wake' },
          { act: 'pause' },
          { act: 'change-overrides', overrides },
        ] as const) {
          const { operation } = await face.operations.create({ ...act, tenants });
          expect(operation).toMatchObject({ act, counted: 2, tenants });
          expect(await face.operations.resume(operation.id)).toMatchObject({
            state: 'done',
            changed: 2,
            tenantsDone: 2,
            failures: [{ tenantId: 'nobody', code: 'UNKNOWN_TENANT' }],
          });
          expect(await face.messages.audit({ operationId: operation.id })).toHaveLength(4);
        }
        expect(await face.operations.list({ limit: 1 })).toMatchObject([{ tenants: 3, failures: 1 }]);
        for (const id of ['acme', 'globex'])
          expect(await face.tenants.get(id)).toMatchObject({ status: 'paused', overrides });
      } finally {
        await face.close();
      }
      await expect(registry.beginPlan({ owner: 'o', leaseMs: 1_000, limit: 1 })).rejects.toMatchObject({
        code: 'LOGIN_REFUSED',
      });
    } finally {
      await engine.close();
      await databases.drop(database);
    }
  }, 120_000);

  test('F1, F8: two tenants of one engine with separate logins: neither opens the other’s database', async () => {
    const users = [
      await newUser(mine, 'messaging_dispatcher'),
      await newUser(other, 'messaging_dispatcher'),
    ] as const;
    const engine = createSqlServerEngine({
      registry: databases.registryUrl('master'),
      env: { FIRST: withLogin(users[0]), SECOND: withLogin(users[1]) },
    });
    const queue = (database: string, name: string) =>
      engine
        .openTenant({ ...tenantAddress(database, 'acme'), auth: { kind: 'setting', name } })
        .queue('inbox');
    const message = () => [{ messageId: randomUUID(), topic: 't', payload: 'x' }];
    for (let time = 0; time < 2; time++) {
      await expect(queue(mine, 'FIRST').enqueue(message())).resolves.toHaveLength(1);
      await expect(queue(other, 'SECOND').enqueue(message())).resolves.toHaveLength(1);
      await expect(queue(mine, 'SECOND').enqueue(message())).rejects.toMatchObject(refused);
      await expect(queue(other, 'FIRST').enqueue(message())).rejects.toMatchObject(refused);
    }
    await engine.close();
  }, 120_000);

  test('D8: a login that has no user in the other tenant’s database does not get in', async () => {
    const user = await newUser(mine, 'messaging_dispatcher');
    await as(user, async (open) => {
      expect(await open(mine).queue('outbox').statistics()).toMatchObject({ dead: 0 });
      await expect(open(other).queue('outbox').statistics()).rejects.toMatchObject(refused);
    });
  }, 120_000);

  test.each(['producer', 'dispatcher'])(
    'F7: a %s notices the commit of its transaction of another driver',
    async (role) => {
      const user = await newUser(mine, `messaging_${role}`);
      await as(user, async (open) => {
        for (const name of queueNames) {
          const queue = open(mine).queue(name);
          const own = await connect(withLogin(user), mine);
          try {
            const driver = new mssql.Transaction(own);
            await driver.begin();
            const transaction = {
              query: async (sql: string, parameters: readonly SqlValue[]) => {
                const request = driver.request();
                for (const [index, value] of parameters.entries()) request.input(`p${index + 1}`, value);
                return (await request.query<SqlRow>(sql)).recordset ?? [];
              },
            };
            const messageId = randomUUID();
            await queue.enqueue([{ messageId, topic: 't', payload: 'x' }], transaction);
            let isNoticed = false;
            const committed = queue.committed(transaction, messageId).finally(() => {
              isNoticed = true;
            });
            // The look that comes first does not see the message, and does not wait for the transaction.
            await open(mine)
              .queue(name)
              .enqueue([{ messageId: randomUUID(), topic: 't', payload: 'y' }]);
            expect(isNoticed).toBe(false);
            await driver.commit();
            expect(await committed).toBe(true);
          } finally {
            await own.close();
          }
        }
      });
    },
    120_000,
  );
});
