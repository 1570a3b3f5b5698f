/** D8: pools leave a server that has become read-only, as one does that was failed over. No SQL is executed. */
import type { Engine } from '../../../src/engine/engine.ts';
import type { TenantReport } from '../../../src/engine/registry.ts';
import { createSqlServerEngine } from '../../../src/engine/sqlserver/index.ts';
import { failed, messageType, TdsServer } from '../../support/tds-server.ts';

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

test.each(Object.entries(call))('D8: the pool of %s', async (_whose, make) => {
  // The first connection is to the server that is now a secondary, later ones to the new primary.
  await using server = await TdsServer.start({
    answer: ({ type, connection }) =>
      type === messageType.procedure && connection === 1
        ? failed(3906, 'Failed to update database "db" because the database is read-only.')
        : undefined,
  });
  const connectionString = `Server=127.0.0.1,${server.port};User Id=u;Password=p;Encrypt=false`;
  const engine = createSqlServerEngine({
    registry: `mssql:${connectionString};Database=registry`,
    env: { ACME: connectionString },
  });
  try {
    await expect(make(engine)).rejects.toMatchObject({ code: 'DATABASE_READONLY' });
    await make(engine);
    await make(engine);
    const calls = server.messages.filter(({ type }) => type === messageType.procedure);
    expect(calls.map(({ connection }) => connection)).toEqual([1, 2, 2]);
  } finally {
    await engine.close();
  }
});
