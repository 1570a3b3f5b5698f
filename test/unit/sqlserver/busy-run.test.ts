/** Q8: what a run tells the server about its last claim, and when it stops to. The server is a list of answers. */
import { randomUUID } from 'node:crypto';
import type { Database, Parameters } from '../../../src/engine/sqlserver/database.ts';
import { RunCalls } from '../../../src/engine/sqlserver/queue/run.ts';
import { idleRun } from '../../support/tds-server.ts';

const now = new Date('2026-01-02T03:04:05.060Z');
const limits = { limit: 2, maxBytes: 1_000 };

/** A run whose first claim has a full batch; each later call claims the next one. */
async function busyRun(key: string | null, { isShort }: { isShort: boolean }) {
  let sequence = 0;
  const row = () => ({
    Sequence: `${++sequence}`,
    MessageId: randomUUID(),
    Topic: 't',
    Payload: '',
    PayloadEscaped: false,
    Headers: null,
    CorrelationId: null,
    OrderingKey: key,
    EnqueuedUtc: now,
    DueUtc: now,
    Attempts: 1,
    Parks: 0,
    Recovered: false,
    Source: '',
    DedupKey: null,
  });
  const calls: Parameters[] = [];
  const header = (Lease: string, Short?: boolean) => ({
    ...idleRun,
    Lease,
    Fence: '1',
    AcquisitionId: randomUUID(),
    ExpiresInMs: '60000',
    More: true,
    NextDueInMs: '0',
    FromUtc: now,
    NowUtc: now,
    ...(Short !== undefined && { Short }),
  });
  const database = {
    async call(procedure: string, parameters: Parameters) {
      if (procedure === 'Outbox_Begin') return [[header('acquired')], [], [row(), row()]];
      calls.push(parameters);
      const wasNamed = parameters.LastCallId !== undefined;
      return [[wasNamed && isShort ? header('renewed', true) : header('renewed')], [], [row(), row()]];
    },
  } as unknown as Database;
  const run = new RunCalls(database, 'outbox');
  const begun = await run.begin({ owner: 'host', durationMs: 60_000, claim: limits });
  if (begun.status !== 'claimed') throw new Error('expected a claim');
  let { messages } = begun;
  return {
    async next() {
      const outcomes = messages.map((each) => ({ ...each, kind: 'done' as const }));
      const then = { do: 'claim' as const, solo: true, ...limits };
      const { lease } = begun;
      ({ messages } = await run.settle({ lease, leaseMs: 60_000, outcomes, onDead: 'block', then }));
      const { LastCallId, Count, Keyed } = calls.at(-1)!;
      return LastCallId && { count: Count![1], isKeyed: Keyed![1] };
    },
  };
}

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

test.each([
  ['K', true],
  [null, false],
])('Q8: the last claim is named with its count, and whether it has keys: %s', async (key, isKeyed) => {
  const run = await busyRun(key, { isShort: true });
  expect(await run.next()).toEqual({ count: 2, isKeyed });
  expect(await run.next()).toEqual({ count: 2, isKeyed });
});

test('Q8: a server that twice goes the usual way is not told again until a call has looked from the front', async () => {
  const run = await busyRun('K', { isShort: false });
  expect(await run.next()).toBeDefined();
  expect(await run.next()).toBeDefined();
  expect(await run.next()).toBeUndefined();
  jest.advanceTimersByTime(1_000);
  expect(await run.next()).toBeUndefined();
  expect(await run.next()).toBeDefined();
});
