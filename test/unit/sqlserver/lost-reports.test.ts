/** D7, F6: the registry's counts when an answer was lost. The real driver talks to a server on loopback. */
import type { Registry } from '../../../src/engine/registry.ts';
import { createSqlServerEngine } from '../../../src/engine/sqlserver/index.ts';
import type { TenantReport } from '../../../src/engine/tenant-report.ts';
import { procedureOf, row, type TdsMessage, TdsServer } from '../../support/tds-server.ts';

const report: TenantReport = {
  tenantId: 'acme',
  outcome: 'idle',
  durationMs: 1,
  counts: { done: 1, retried: 0, dead: 0, released: 0, parked: 0, lost: 0, recovered: 0 },
  backlog: false,
  schedule: { nextDueInMs: null, mode: 'set', idleStreak: 0, failureStreak: 0 },
};
const reportId = '0f3759df-1111-4222-8333-444444444444';
/** As SQL Server stores the id: the first three parts are little-endian. */
const idBytes = Buffer.from('df59370f11112242', 'hex');

const answer = { Woken: false, Chosen: true, LastRunUtc: null, Moved: false, FailingTopics: '[]' };

/** Calls a registry whose answers to the first calls are lost; returns the calls as the server got them. */
async function sent(lost: number, call: (registry: Registry) => Promise<unknown>): Promise<Buffer[]> {
  const calls: Buffer[] = [];
  await using server = await TdsServer.start({
    answer(message: TdsMessage) {
      if (procedureOf(message) === null) return undefined;
      calls.push(message.payload);
      if (calls.length > lost) return row(answer);
      message.socket.destroy();
      return null;
    },
  });
  const engine = createSqlServerEngine({
    registry: `mssql://u:p@127.0.0.1:${server.port}/registry?encrypt=false`,
  });
  try {
    await call(engine.openRegistry());
    return calls;
  } finally {
    await engine.close();
  }
}

test.each<[string, (registry: Registry) => Promise<unknown>, string | null]>([
  ['D7: a report', (registry) => registry.report({ ...report, reportId }), reportId],
  ['D7: a report without an id', (registry) => registry.report(report), null],
  ['F6: a message that was given up', (registry) => registry.recordPoisoned(reportId), reportId],
  ['F6: a message that was given up, without an id', (registry) => registry.recordPoisoned(), null],
])('%s is sent again after a lost answer, with the same id', async (_, call, id) => {
  const calls = await sent(2, call);
  expect(calls).toHaveLength(3);
  expect(calls.every((each) => each.equals(calls[0]!))).toBe(true);
  expect(calls[0]!.includes(idBytes)).toBe(id !== null);
});

test('D7: the answer to a report that was sent again counts', async () => {
  let got: unknown;
  await sent(1, async (registry) => {
    got = await registry.report({ ...report, reportId });
  });
  expect(got).toMatchObject({ chosen: true, woken: false });
});

test('D7: two reports without an id are two', async () => {
  const [first, second] = await sent(0, async (registry) => {
    await registry.report(report);
    await registry.report(report);
  });
  expect(first!.equals(second!)).toBe(false);
});
