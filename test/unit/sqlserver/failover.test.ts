/**
 * D8: pools leave a server that has become read-only, as a server does when a failover makes it a secondary. No SQL is
 * executed.
 */
import type { Engine } from '../../../src/engine/engine.ts';
import type { TenantReport } from '../../../src/engine/registry.ts';
import { createSqlServerEngine } from '../../../src/engine/sqlserver/index.ts';
import { failed, framed, messageType, TdsServer } from '../../support/tds-server.ts';
import { until } from '../../support/until.ts';

const report: TenantReport = {
  tenantId: 'acme',
  outcome: 'idle',
  durationMs: 1,
  counts: { done: 0, retried: 0, dead: 0, released: 0, parked: 0, lost: 0, recovered: 0 },
  backlog: false,
  parkedTopics: [],
  schedule: { nextDueInMs: null, mode: 'set', idleStreak: 0, failureStreak: 0 },
};

const call: Record<string, (engine: Engine) => Promise<unknown>> = {
  'the registry': (engine) => engine.openRegistry().report(report),
  'a tenant': (engine) =>
    engine
      .openTenant({
        id: 'acme',
        server: '',
        database: 'acme',
        auth: { kind: 'setting', name: 'ACME' },
        schema: 'messaging',
      })
      .queue('outbox')
      .enqueue([{ messageId: '5f3759df-0000-4000-8000-000000000000', topic: 'work', payload: '{}' }]),
};

const numbers = { 'read-only': 3_906, 'readable by read-only intent': 978 };
const cases = Object.keys(call).flatMap((whose) =>
  Object.entries(numbers).map(([what, number]) => [whose, what, number] as const),
);

/** The first connection is to the server that is now a secondary, later ones to the new primary. */
async function failedOver(number: number) {
  const server = await TdsServer.start({
    answer: ({ type, connection }) =>
      type === messageType.procedure && connection === 1
        ? failed(number, 'The database cannot be updated here.')
        : undefined,
  });
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
    const calls = [registry.report(report), registry.report(report)];
    const errors: unknown[] = [];
    for (const call of calls) call.catch((error) => errors.push(error));
    await until('both are sent', () => fail.length === 2);
    fail[0]!();
    await until('one has failed', () => errors.length === 1);
    await registry.report(report);
    fail[1]!();
    await until('the other has failed, too', () => errors.length === 2);
    for (const error of errors) expect(error).toMatchObject({ code: 'DATABASE_READONLY' });
    await registry.report(report);
    expect(server.logins).toBe(3);
  } finally {
    await engine.close();
  }
});
