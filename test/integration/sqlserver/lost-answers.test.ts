/**
 * Q8: an answer that was lost. The call is sent again under its id, as the engine does after a broken connection, and
 * the procedures return what the first call did. Needs a server; see test/support/sqlserver.ts.
 */
import { randomUUID } from 'node:crypto';
import * as mssql from 'mssql';
import type { Engine, TenantDatabase } from '../../../src/engine/engine.ts';
import { createSqlServerEngine } from '../../../src/engine/sqlserver/index.ts';
import { describeOnServer, serverConnectionString, serverVariable } from '../../support/sqlserver.ts';
import { TestDatabases, tenantAddress, tenantsSetting } from '../../support/sqlserver-databases.ts';

interface Answer {
  readonly header: Record<string, unknown>;
  readonly payloads: string[];
  readonly lost: number[];
}

describeOnServer(`lost answers of SQL Server (${serverVariable})`, () => {
  const databases = new TestDatabases(serverConnectionString);
  let engine: Engine;
  let pool: mssql.ConnectionPool;
  let database: TenantDatabase;

  beforeAll(async () => {
    const name = await databases.take('tenant');
    engine = createSqlServerEngine({
      registry: databases.registryUrl('master'),
      env: { [tenantsSetting]: databases.connectionString },
    });
    database = engine.openTenant(tenantAddress(name, 'acme'));
    pool = await databases.pool(name);
  }, 120_000);

  afterAll(async () => {
    await engine?.close();
    await databases.dispose();
  }, 120_000);

  async function call(
    procedure: string,
    parameters: Record<string, string | number | boolean>,
  ): Promise<Answer> {
    const request = new mssql.Request(pool);
    for (const [name, value] of Object.entries(parameters)) request.input(name, value);
    const [header, lost = [], messages = []] = (await request.execute(`messaging.${procedure}`))
      .recordsets as unknown as Record<string, unknown>[][];
    return {
      header: header![0]!,
      payloads: messages.map(({ Payload }) => Payload as string),
      lost: lost.map(({ Sequence }) => Number(Sequence)),
    };
  }

  const begin = (callId: string, more: Record<string, string | number | boolean> = {}) =>
    call('Outbox_Begin', {
      Owner: 'host-1',
      LeaseMs: 600_000,
      Limit: 2,
      MaxBytes: 1_000_000,
      CallId: callId,
      ...more,
    });

  const settle = (
    callId: string,
    { Fence, AcquisitionId }: Answer['header'],
    outcomes: object[],
    more: Record<string, string | number | boolean> = {},
  ) =>
    call('Outbox_SettleAndClaim', {
      Owner: 'host-1',
      Fence: Number(Fence),
      AcquisitionId: AcquisitionId as string,
      LeaseMs: 600_000,
      Outcomes: JSON.stringify(outcomes),
      Then: 'claim',
      Solo: false,
      Limit: 2,
      MaxBytes: 1_000_000,
      CallId: callId,
      ...more,
    });

  const identityOf = async ({ messageId }: { messageId: string }) => {
    const { sequence } = (await database.queue('outbox').get(messageId))!;
    return { sequence, messageId };
  };

  test('Q6, Q8: a repeated begin or settle has no second effect and returns the first answer', async () => {
    const queue = database.queue('outbox');
    const ids = ['A', 'B', 'C', 'D', 'E'].map((payload) => ({
      messageId: randomUUID(),
      topic: 't',
      payload,
    }));
    await queue.enqueue(ids);
    const [a, b, c, d, e] = await Promise.all(ids.map(identityOf));

    const first = randomUUID();
    const begun = await begin(first);
    expect(begun.payloads).toEqual(['A', 'B']);
    const begunAgain = await begin(first, { Again: true });
    expect(begunAgain.payloads).toEqual(['A', 'B']);
    expect(begunAgain.header).toMatchObject({ Lease: 'acquired', Fence: begun.header.Fence, Recovered: 0 });
    expect(await queue.get(ids[0]!.messageId)).toMatchObject({ attempts: 1, recovered: false });

    // A is done and B is released; the lost answer contains B, claimed again, and C.
    const second = randomUUID();
    const outcomes = [
      { ...a, kind: 'done' },
      { ...b, kind: 'release' },
    ];
    const settled = await settle(second, begun.header, outcomes);
    expect(settled.lost).toEqual([]);
    expect(settled.payloads).toEqual(['B', 'C']);
    const settledAgain = await settle(second, begun.header, outcomes, { Again: true, InFlight: '[]' });
    expect(settledAgain.lost).toEqual([]);
    expect(settledAgain.payloads).toEqual(['B', 'C']);
    expect(await queue.get(ids[1]!.messageId)).toMatchObject({ attempts: 1 });
    expect(await queue.statistics()).toMatchObject({ done: 1, claimed: 2, ready: 2 });

    // The run's other messages in flight are not returned again.
    const third = randomUUID();
    const more = await settle(third, begun.header, [{ ...b, kind: 'done' }]);
    expect(more.payloads).toEqual(['D', 'E']);
    const moreAgain = await settle(third, begun.header, [{ ...b, kind: 'done' }], {
      Again: true,
      InFlight: JSON.stringify([c!.sequence]),
    });
    expect(moreAgain).toMatchObject({ payloads: ['D', 'E'], lost: [] });

    // The first sending never arrived: the second one does the work.
    const fourth = randomUUID();
    const last = [c, d, e].map((identity) => ({ ...identity, kind: 'done' }));
    const end = { Again: true, InFlight: '[]', Solo: true };
    const late = await settle(fourth, begun.header, last, end);
    expect(late).toMatchObject({ payloads: [], lost: [] });
    expect(late.header.Lease).toBe('released');

    // The first call had released the lease: the repeated call says so, and reports no lost outcome.
    const later = await settle(fourth, begun.header, last, end);
    expect(later.header.Lease).toBe('released');
    expect(later.lost).toEqual([]);
    expect(await queue.statistics()).toMatchObject({ done: 5, claimed: 0, ready: 0 });
  }, 60_000);

  test('Q8: the call of a busy run, which names the last call, needs no outcomes, and can be repeated', async () => {
    const queue = database.queue('outbox');
    const ids = Array.from({ length: 12 }, (_, at) => ({
      messageId: randomUUID(),
      topic: 't',
      payload: `${at}`,
    }));
    await queue.enqueue(ids);
    const before = (await queue.statistics()).done;
    const [first, second] = [randomUUID(), randomUUID()];
    const begun = await begin(first);
    expect(begun.payloads).toEqual(['0', '1']);

    // With another call, another number of messages or too many bytes it is not what the caller expects, so the outcomes
    // count.
    const usual = (more: Record<string, string | number>) => settle(first, begun.header, [], more);
    expect((await usual({ LastCallId: second, Count: 2 })).payloads).toEqual(['2', '3']);
    expect((await usual({ LastCallId: first, Count: 2 })).payloads).toEqual(['4', '5']);
    expect((await usual({ LastCallId: first, Count: 6, MaxBytes: 1 })).payloads).toEqual(['6']);
    expect(await queue.statistics()).toMatchObject({ done: before, claimed: 7, ready: 5 });

    const busy = { LastCallId: first, Count: 7 };
    expect(await settle(second, begun.header, [], busy)).toMatchObject({ payloads: ['7', '8'], lost: [] });
    expect(await queue.statistics()).toMatchObject({ done: before + 7, claimed: 2, ready: 3 });

    const seven = await Promise.all(ids.slice(0, 7).map(identityOf));
    const outcomes = seven.map((each) => ({ ...each, kind: 'done' }));
    const again = await settle(second, begun.header, outcomes, { ...busy, Again: true, InFlight: '[]' });
    expect(again).toMatchObject({ payloads: ['7', '8'], lost: [] });
    expect(await queue.statistics()).toMatchObject({ done: before + 7, claimed: 2, ready: 3 });
    await settle(first, begun.header, [], { Then: 'release-lease' });
  }, 60_000);

  test('Q3: a repeated enqueue recognises its own message by age', async () => {
    const message = { ordinal: 0, messageId: randomUUID(), topic: 't' };
    const parameters = { Messages: JSON.stringify([message]), Payloads: '["x"]' };
    const stored = await new mssql.Request(pool)
      .input('Messages', parameters.Messages)
      .input('Payloads', parameters.Payloads)
      .execute('messaging.Inbox_EnqueueMany');
    expect(stored.recordset).toEqual([]);
    const again = await call('Inbox_EnqueueMany', parameters);
    expect(again.header).toMatchObject({ Ordinal: 0, MessageId: message.messageId.toUpperCase() });
    expect(Number(again.header.AgeMs)).toBeGreaterThanOrEqual(0);
  }, 60_000);

  test('Q8, S2: an error of the count after the commit loses neither the outcomes nor the answer', async () => {
    const queue = database.queue('inbox');
    const claim = { limit: 10, maxBytes: 1_000_000 };
    const run = { owner: 'host-1', durationMs: 600_000, claim };
    await queue.enqueue([{ messageId: randomUUID(), topic: 't', payload: 'A' }]);
    const begun = await queue.begin(run);
    if (begun.status !== 'claimed') throw new Error('expected a claim');
    const identities = begun.messages.map(({ sequence, messageId }) => ({ sequence, messageId }));
    const unknown = { sequence: 9_999, messageId: randomUUID() };
    await pool.request().query('ALTER PROCEDURE messaging.Inbox_CountStored AS SELECT 1 / 0 AS Unblocked');
    const then = { do: 'release-lease' } as const;
    const settled = await queue.settle({
      lease: begun.lease,
      leaseMs: 600_000,
      outcomes: [...identities, unknown].map((each) => ({ ...each, kind: 'done' as const })),
      onDead: 'block',
      then,
    });
    expect(settled).toMatchObject({ lease: 'released', unmatched: [unknown.sequence] });
    expect(settled.countError).toMatchObject({ message: expect.stringMatching(/zero/) });
    expect(await queue.statistics()).toMatchObject({ done: identities.length, claimed: 0 });
    expect(await queue.begin(run)).toMatchObject({ status: 'idle', countError: expect.anything() });
  }, 60_000);

  test('L4: a repeated release learns that it released the lease', async () => {
    const { leases } = database;
    const lease = { name: 'job', owner: 'host-1' };
    const taken = await leases.acquire({ ...lease, durationMs: 60_000 });
    if (taken.status !== 'acquired') throw new Error('expected the lease');
    const { fence, acquisitionId } = taken;
    const parameters = { Name: 'job', Owner: 'host-1', Fence: fence, AcquisitionId: acquisitionId };
    expect((await call('Lease_Release', parameters)).header).toEqual({ Released: 1 });
    expect((await call('Lease_Release', parameters)).header).toEqual({ Released: 0 });
    expect((await call('Lease_Release', { ...parameters, Again: true })).header).toEqual({ Released: 1 });
  }, 60_000);
});
