/** Q8, S2: a call that has answered stands, also if the count that follows fails. The real driver talks to a server on loopback. */
import { createSqlServerEngine } from '../../../src/engine/sqlserver/index.ts';
import type { SettleRequest } from '../../../src/engine/work-queue.ts';
import { failed, idleRun, procedureOf, recordSet, TdsServer } from '../../support/tds-server.ts';

const header = { ...idleRun, AcquisitionId: null, FromUtc: null };
const unmatched = { Sequence: 7n };
const noMessages = recordSet({ Sequence: 0n }, { isEmpty: true });
const divided = failed(8134, 'Divide by zero error encountered.');
const then = { do: 'release-lease' } as const;
const request: SettleRequest = {
  lease: {
    name: 'queue:outbox',
    owner: 'host',
    fence: 1,
    acquisitionId: '11111111-1111-1111-1111-111111111111',
  },
  leaseMs: 60_000,
  outcomes: [{ sequence: 7, messageId: '22222222-2222-2222-2222-222222222222', kind: 'done' }],
  onDead: 'block',
  then,
};

/** The outbox of a server that gives this answer to each call, and the calls that it gets. */
async function withAnswer<T>(
  answer: Buffer,
  work: (
    queue: ReturnType<ReturnType<typeof engineOf>['openTenant']>['queue'],
    calls: string[],
  ) => Promise<T>,
): Promise<T> {
  const calls: string[] = [];
  await using server = await TdsServer.start({
    answer: (message) => {
      const procedure = procedureOf(message);
      if (procedure === null) return undefined;
      calls.push(procedure);
      return answer;
    },
  });
  const engine = engineOf(server.port);
  try {
    const tenant = engine.openTenant({
      id: 'acme',
      server: `127.0.0.1,${server.port}`,
      database: 'acme',
      auth: { kind: 'setting', name: 'TENANTS' },
      schema: 'messaging',
    });
    return await work((name) => tenant.queue(name), calls);
  } finally {
    await engine.close();
  }
}

function engineOf(port: number) {
  const connection = `Server=127.0.0.1,${port};Database=acme;User Id=u;Password=p;Encrypt=false`;
  return createSqlServerEngine({
    registry: `mssql://u:p@127.0.0.1:${port}/registry?encrypt=false`,
    env: { TENANTS: connection },
  });
}

test('a released lease and the sequences that matched no message stand', () =>
  withAnswer(
    Buffer.concat([recordSet(header), recordSet(unmatched), noMessages, divided]),
    async (queue, calls) => {
      const settled = await queue('outbox').settle(request);
      expect(settled).toMatchObject({ lease: 'released', unmatched: [7], messages: [] });
      expect(settled.countError).toMatchObject({ message: expect.stringMatching(/zero/) });
      expect(settled).not.toHaveProperty('stored');
      expect(calls).toHaveLength(1);
    },
  ));

test('an idle run is idle', () =>
  withAnswer(Buffer.concat([recordSet(header), divided]), async (queue) => {
    const begun = await queue('outbox').begin({
      owner: 'host',
      durationMs: 60_000,
      claim: { limit: 1, maxBytes: 1 },
    });
    expect(begun).toMatchObject({ status: 'idle', countError: expect.anything() });
  }));

test.each([
  ['before the sequences that matched no message', Buffer.concat([recordSet(header), divided])],
  [
    'while the lease goes on',
    Buffer.concat([recordSet({ ...header, Lease: 'renewed' }), recordSet(unmatched), noMessages, divided]),
  ],
  ['before any answer', divided],
])('an error %s fails the call', (_, answer) =>
  withAnswer(answer, async (queue) => {
    await expect(queue('outbox').settle(request)).rejects.toMatchObject({ code: 'DATABASE_ERROR' });
  }),
);
