/**
 * Q3, Q8: an error that the server sends may come after the commit, while it sends the result. The real driver talks to a
 * server on loopback.
 */
import type { Engine, TenantDatabase } from '../../../src/engine/engine.ts';
import { createSqlServerEngine } from '../../../src/engine/sqlserver/index.ts';
import {
  contains,
  failed,
  idleRun,
  procedureOf,
  recordSet,
  row,
  type TdsMessage,
  TdsServer,
  tokens,
} from '../../support/tds-server.ts';

const noMemory = failed(701, 'There is insufficient system memory to run this query.');
const deadlock = failed(1205, 'You were the victim.');
const waited = failed(1222, 'Lock request time out period exceeded.');
const messageId = '22222222-2222-4222-8222-222222222222';
const then = { do: 'release-lease' } as const;
const lease = {
  name: 'queue:outbox',
  owner: 'host',
  fence: 1,
  acquisitionId: '11111111-1111-1111-1111-111111111111',
};

/** Calls an engine that gives these two answers, null for a lost one; returns the calls and what came of the work. */
async function twice<T>(
  [first, second]: readonly [Buffer | null, Buffer],
  work: (tenant: TenantDatabase, engine: Engine) => Promise<T>,
) {
  const calls: TdsMessage[] = [];
  await using server = await TdsServer.start({
    answer(message) {
      if (procedureOf(message) === null) return undefined;
      calls.push(message);
      if (calls.length > 1) return second;
      if (first === null) message.socket.destroy();
      return first;
    },
  });
  const connection = `Server=127.0.0.1,${server.port};Database=acme;User Id=u;Password=p;Encrypt=false`;
  const engine = createSqlServerEngine({
    registry: `mssql://u:p@127.0.0.1:${server.port}/registry?encrypt=false`,
    env: { TENANTS: connection },
  });
  try {
    const auth = { kind: 'setting', name: 'TENANTS' } as const;
    const address = {
      id: 'acme',
      server: `127.0.0.1,${server.port}`,
      database: 'acme',
      auth,
      schema: 'messaging',
    };
    const result = await work(engine.openTenant(address), engine).catch((error: unknown) => error);
    return { calls, result, asked: calls.map((call) => contains(call, '@Again')) };
  } finally {
    await engine.close();
  }
}

describe.each([
  ['an unclear answer', noMemory],
  // The procedure reads the claimed messages after its commit, and this can meet the lock of an index that is rebuilt.
  ['a wait for a lock', waited],
  ['a deadlock', deadlock],
  ['a lost answer', null],
])('Q8: after %s', (_, first) => {
  const header = { ...idleRun, AcquisitionId: null, FromUtc: null };
  const released = Buffer.concat([
    recordSet(header),
    recordSet({ Sequence: 0n }, { isEmpty: true }),
    recordSet({ Sequence: 0n }, { isEmpty: true }),
    tokens.done,
  ]);

  test('the repeated settle asks what became of the first', async () => {
    const { asked, calls } = await twice([first, released], (tenant) =>
      tenant.queue('outbox').settle({
        lease,
        leaseMs: 60_000,
        outcomes: [{ sequence: 7, messageId, kind: 'done' }],
        onDead: 'block',
        then,
      }),
    );
    expect(asked).toEqual([false, true]);
    expect(contains(calls[1]!, '@InFlight')).toBe(true);
  });

  test('the repeated begin asks what became of the first', async () => {
    const { asked } = await twice([first, released], (tenant) =>
      tenant.queue('outbox').begin({ owner: 'host', durationMs: 60_000, claim: { limit: 1, maxBytes: 1 } }),
    );
    expect(asked).toEqual([false, true]);
  });

  test('the repeated release of a lease asks what became of the first', async () => {
    const { asked } = await twice([first, row({ Released: 1 })], (tenant) => tenant.leases.release(lease));
    expect(asked).toEqual([false, true]);
  });
});

test.each([
  ['an unclear answer', 'enqueued', noMemory],
  ['a lost answer', 'enqueued', null],
  // Another producer has stored it meanwhile.
  ['a deadlock', 'duplicate', deadlock],
])('Q3: after %s, a message that is there with the id of the call is %s', async (_, status, first) => {
  const stored = row({ Ordinal: 0, MessageId: messageId, AgeMs: 0n, Conflict: false });
  const { calls, result } = await twice([first, stored], (tenant) =>
    tenant.queue('outbox').enqueue([{ messageId, topic: 'work', payload: '{}' }]),
  );
  expect(calls).toHaveLength(2);
  expect(result).toEqual([{ messageId, status }]);
});

test.each([
  ['an unclear answer', noMemory],
  ['a lost answer', null],
])(
  'Q13: after %s, a call that cannot ask is not sent again, because it would find nothing to do',
  async (_, first) => {
    const { calls, result } = await twice([first, tokens.done], (tenant) =>
      tenant.queue('outbox').act({ do: 'replay' }, [{ messageId }]),
    );
    expect(calls).toHaveLength(1);
    expect(result).toMatchObject({ code: 'DATABASE_UNREACHABLE', transient: true });
  },
);

test.each([
  ['an unclear answer', noMemory],
  ['a lost answer', null],
])('F7: after %s, a call that may be carried out twice is sent again', async (_, first) => {
  const { calls, result } = await twice([first, tokens.done], (_tenant, engine) =>
    engine.openRegistry().postpone('acme', 1_000),
  );
  expect(calls).toHaveLength(2);
  expect(result).toBeUndefined();
});
