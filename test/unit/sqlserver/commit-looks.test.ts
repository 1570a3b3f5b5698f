/**
 * F7: a program that enqueues in a transaction of another driver notices its commit with the rights of its role. The
 * server executes no SQL; it refuses the procedures that the scripts do not grant.
 */
import { randomUUID } from 'node:crypto';
import { createSqlServerEngine } from '../../../src/engine/sqlserver/index.ts';
import { queueNames } from '../../../src/engine/work-queue.ts';
import { failed, messageType, procedureOf, row, TdsServer } from '../../support/tds-server.ts';
import { batches, grantedTo } from './t-sql-procedures.ts';

const letter = { messageId: randomUUID(), topic: 't', payload: '{}' };

/** The stored message as the server returns it, for a login with these rights. */
async function place(granted: (procedure: string) => boolean) {
  const server = await TdsServer.start({
    answer: (message) => {
      if (message.type !== messageType.procedure) return undefined;
      const name = /\[(\w+)\]$/.exec(procedureOf(message)!)![1]!;
      return granted(name)
        ? row({ MessageId: letter.messageId.toUpperCase() })
        : failed(229, `The EXECUTE permission was denied on the object '${name}'.`);
    },
  });
  const connectionString = `Server=127.0.0.1,${server.port};User Id=u;Password=p;Encrypt=false`;
  const engine = createSqlServerEngine({
    registry: `mssql:${connectionString};Database=registry`,
    env: { ACME: connectionString },
  });
  const tenant = engine.openTenant({
    id: 'acme',
    server: '',
    database: 'acme',
    auth: { kind: 'setting', name: 'ACME' },
    schema: 'messaging',
  });
  return {
    server,
    tenant,
    async [Symbol.asyncDispose]() {
      await engine.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** A transaction of another driver, whose statements go elsewhere. */
const foreign = () => ({ query: async () => [] });

describe.each(queueNames)('a foreign transaction (F7): %s', (queueName) => {
  test.each(['producer', 'dispatcher'] as const)('F7: the role %s may look for its commit', async (role) => {
    const granted = grantedTo(role, batches());
    await using scene = await place((name) => granted.has(name));
    const queue = scene.tenant.queue(queueName);
    const transaction = foreign();
    await queue.enqueue([letter], transaction);
    expect(await queue.committed(transaction, letter.messageId)).toBe(true);
    expect(scene.server.procedures).toHaveLength(1);
  });

  test('F7: a login that lacks the right ends the wait at the first look', async () => {
    await using scene = await place(() => false);
    const queue = scene.tenant.queue(queueName);
    const transaction = foreign();
    await queue.enqueue([letter], transaction);
    await expect(queue.committed(transaction, letter.messageId)).rejects.toMatchObject({
      code: 'LOGIN_REFUSED',
      tenantId: 'acme',
    });
    expect(scene.server.procedures).toHaveLength(1);
  });
});
