/**
 * D8: pools leave a server that has become read-only, as a server does when a failover makes it a secondary. No SQL is
 * executed.
 */
import { randomUUID } from 'node:crypto';
import type * as mssql from 'mssql';
import type { Engine, TenantDatabase } from '../../../src/engine/engine.ts';
import { createSqlServerEngine } from '../../../src/engine/sqlserver/index.ts';
import {
  type Answer,
  contains,
  failed,
  framed,
  messageType,
  procedureOf,
  row,
  TdsServer,
} from '../../support/tds-server.ts';
import { until } from '../../support/until.ts';

const tenant = (engine: Engine): TenantDatabase =>
  engine.openTenant({
    id: 'acme',
    server: '',
    database: 'acme',
    auth: { kind: 'setting', name: 'ACME' },
    schema: 'messaging',
  });

const call: Record<string, (engine: Engine) => Promise<unknown>> = {
  'the registry': (engine) => engine.openRegistry().postpone('acme', 1_000),
  'a tenant': (engine) =>
    tenant(engine)
      .queue('outbox')
      .enqueue([{ messageId: '5f3759df-0000-4000-8000-000000000000', topic: 'work', payload: '{}' }]),
};

const numbers = { 'read-only': 3_906, 'readable by read-only intent': 978 };
const cases = Object.keys(call).flatMap((whose) =>
  Object.entries(numbers).map(([what, number]) => [whose, what, number] as const),
);

const refusal = (number: number) => failed(number, 'The database cannot be updated here.');

/** The first connection is to the server that is now a secondary, later ones to the new primary. */
function failedOver(number: number) {
  return serverWith(({ type, connection }) =>
    type === messageType.procedure && connection === 1 ? refusal(number) : undefined,
  );
}

async function serverWith(answer: Answer) {
  const server = await TdsServer.start({ answer });
  const connectionString = `Server=127.0.0.1,${server.port};User Id=u;Password=p;Encrypt=false`;
  const engine = createSqlServerEngine({
    registry: `mssql:${connectionString};Database=registry`,
    env: { ACME: connectionString },
  });
  return {
    server,
    engine,
    async [Symbol.asyncDispose]() {
      await engine.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

test.each(cases)('D8: the pool of %s leaves a server that became %s', async (whose, _what, number) => {
  await using place = await failedOver(number);
  const make = () => call[whose]!(place.engine);
  await expect(make()).rejects.toMatchObject({ code: 'DATABASE_READONLY' });
  await make();
  await make();
  const calls = place.server.messages.filter(({ type }) => type === messageType.procedure);
  expect(calls.map(({ connection }) => connection)).toEqual([1, 2, 2]);
});

test('D8: a call that fails late does not close the pool that has replaced its own', async () => {
  const fail: (() => void)[] = [];
  await using server = await TdsServer.start({
    answer({ type, connection, socket }) {
      if (type !== messageType.procedure || connection > 2) return undefined;
      const answer = failed(3_906, 'The database cannot be updated here.');
      fail.push(() => socket.write(framed(messageType.answer, answer)));
      return null;
    },
  });
  const connectionString = `Server=127.0.0.1,${server.port};User Id=u;Password=p;Encrypt=false`;
  const engine = createSqlServerEngine({ registry: `mssql:${connectionString};Database=registry` });
  try {
    const registry = engine.openRegistry();
    const calls = [registry.postpone('acme', 1_000), registry.postpone('acme', 1_000)];
    const errors: unknown[] = [];
    for (const call of calls) call.catch((error) => errors.push(error));
    await until('both are sent', () => fail.length === 2);
    fail[0]!();
    await until('one has failed', () => errors.length === 1);
    await registry.postpone('acme', 1_000);
    fail[1]!();
    await until('the other has failed, too', () => errors.length === 2);
    for (const error of errors) expect(error).toMatchObject({ code: 'DATABASE_READONLY' });
    await registry.postpone('acme', 1_000);
    expect(server.logins).toBe(3);
  } finally {
    await engine.close();
  }
});

test.each(Object.keys(call).flatMap((whose) => [976, 983].map((number) => [whose, number] as const)))(
  'D8: the pool of %s leaves a replica that is not online (%i), and the call is repeated elsewhere',
  async (whose, number) => {
    await using place = await failedOver(number);
    await call[whose]!(place.engine);
    const calls = place.server.messages.filter(({ type }) => type === messageType.procedure);
    expect(calls.map(({ connection }) => connection)).toEqual([1, 2]);
  },
);

describe('D8, T1: a handler’s transaction that a server refuses because it became read-only', () => {
  const handlerWrites = async (transaction: unknown) => {
    await (transaction as mssql.Transaction).request().query('UPDATE Orders SET Paid = 1');
  };

  test.each<[string, Answer]>([
    ['at the handler’s own write', (message) => (contains(message, 'Orders') ? refusal(3_906) : undefined)],
    [
      'when its message is settled',
      (message) => (procedureOf(message)?.endsWith('[Outbox_Complete]') ? refusal(3_906) : undefined),
    ],
  ])('%s makes the tenant’s pool leave that server', async (_, refuse) => {
    await using place = await serverWith((message) => {
      if (message.connection === 1) return refuse(message);
      return procedureOf(message)?.endsWith('[Outbox_Complete]') ? row({ Settled: true }) : undefined;
    });
    const queue = tenant(place.engine).queue('outbox');
    const messageId = randomUUID();
    const lease = { name: 'queue:outbox', owner: 'host', fence: 1, acquisitionId: randomUUID() };
    const request = { lease, sequence: 1, messageId, signal: new AbortController().signal };
    await expect(queue.transact(request, handlerWrites)).rejects.toThrow();
    await queue.transact(request, handlerWrites);
    expect(place.server.connections).toBe(2);
  });
});
