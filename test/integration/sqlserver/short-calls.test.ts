/**
 * Q8, Q10: which calls of a busy run take the short way (queue-settle-done.sql), and what it does to ordering groups. The
 * conformance suite `busy` has what holds in either way. Needs a server; see test/support/sqlserver.ts.
 */
import { randomUUID } from 'node:crypto';
import * as mssql from 'mssql';
import type { Engine, TenantDatabase } from '../../../src/engine/engine.ts';
import type { NewMessage } from '../../../src/engine/message.ts';
import { createSqlServerEngine } from '../../../src/engine/sqlserver/index.ts';
import { describeOnServer, serverConnectionString, serverVariable } from '../../support/sqlserver.ts';
import { TestDatabases, tenantAddress, tenantsSetting } from '../../support/sqlserver-databases.ts';

type Parameters = Record<string, string | number | boolean>;

interface Answer {
  readonly header: Record<string, unknown>;
  readonly payloads: string[];
}

const message = (payload: string, more: Partial<NewMessage> = {}): NewMessage => ({
  messageId: randomUUID(),
  topic: 't',
  payload,
  ...more,
});
/** A message of the key that its payload begins with. */
const keyed = (payload: string) => message(payload, { orderingKey: payload.slice(0, 1) });

describeOnServer(`the short calls of a busy run on SQL Server (${serverVariable})`, () => {
  const databases = new TestDatabases(serverConnectionString);
  let name: string;
  let engine: Engine;
  let pool: mssql.ConnectionPool;
  let database: TenantDatabase;

  beforeEach(async () => {
    name = await databases.take('tenant');
    engine = createSqlServerEngine({
      registry: databases.registryUrl('master'),
      env: { [tenantsSetting]: databases.connectionString },
    });
    database = engine.openTenant(tenantAddress(name, 'acme'));
    pool = await databases.pool(name);
  }, 120_000);

  afterEach(async () => {
    await engine?.close();
    await databases.giveBack(name);
  }, 120_000);

  afterAll(() => databases.dispose(), 120_000);

  async function call(procedure: string, parameters: Parameters): Promise<Answer> {
    const request = new mssql.Request(pool);
    const all = { Owner: 'host-1', LeaseMs: 600_000, Limit: 2, MaxBytes: 1_000_000, ...parameters };
    for (const [each, value] of Object.entries(all)) request.input(each, value);
    const [header, , messages = []] = (await request.execute(`messaging.Outbox_${procedure}`))
      .recordsets as unknown as Record<string, unknown>[][];
    return { header: header![0]!, payloads: messages.map(({ Payload }) => Payload as string) };
  }

  /** A run that names its last claim in each call, and settles what it has claimed as Done. */
  async function run(parameters: Parameters = {}) {
    let lastCallId = randomUUID() as string;
    const begun = await call('Begin', { CallId: lastCallId, ...parameters });
    const { Fence, AcquisitionId } = begun.header;
    const lease = { Fence: Number(Fence), AcquisitionId: AcquisitionId as string };
    let inFlight = begun.payloads;
    return {
      first: begun.payloads,
      async next(more: Parameters = {}) {
        const callId = randomUUID();
        const named = { LastCallId: lastCallId, Count: inFlight.length, Outcomes: '[]' };
        const answer = await call('SettleAndClaim', {
          ...lease,
          ...named,
          CallId: callId,
          ...parameters,
          ...more,
        });
        lastCallId = callId;
        inFlight = answer.payloads;
        return { isShort: answer.header.Short === true, payloads: answer.payloads };
      },
      /** Sends the last call again. */
      again: (more: Parameters = {}) =>
        call('SettleAndClaim', {
          ...lease,
          Outcomes: '[]',
          CallId: lastCallId,
          Again: true,
          ...parameters,
          ...more,
        }),
      /** A claim beside the messages in flight, which blocks the followers that it meets. */
      async beside() {
        lastCallId = randomUUID();
        return await call('SettleAndClaim', { ...lease, Outcomes: '[]', Solo: false, CallId: lastCallId });
      },
    };
  }

  async function blocked(): Promise<string[]> {
    const { recordset } = await pool
      .request()
      .query<{ Payload: string }>('SELECT Payload FROM messaging.Outbox WHERE Blocked = 1 ORDER BY Sequence');
    return recordset.map(({ Payload }) => Payload);
  }

  test('Q10: keys that take turns, and followers that nothing has blocked stay so', async () => {
    await database.queue('outbox').enqueue(['K1', 'L1', 'K2', 'L2', 'K3', 'L3', 'K4'].map(keyed));
    const busy = await run();
    expect(busy.first).toEqual(['K1', 'L1']);
    expect(await blocked()).toEqual([]);
    expect(await busy.next()).toEqual({ isShort: true, payloads: ['K2', 'L2'] });
    expect(await busy.next()).toEqual({ isShort: true, payloads: ['K3', 'L3'] });
    expect(await blocked()).toEqual([]);
  }, 60_000);

  test('Q10: one more message of a group is unblocked than it had in flight', async () => {
    await database.queue('outbox').enqueue(['K1', 'K2', 'K3', 'K4', 'K5', 'K6', 'K7', 'K8'].map(keyed));
    const busy = await run();
    expect((await busy.beside()).payloads).toEqual([]);
    expect(await blocked()).toEqual(['K3', 'K4', 'K5', 'K6', 'K7', 'K8']);
    expect(await busy.next({ Count: 2 })).toEqual({ isShort: true, payloads: ['K3', 'K4'] });
    expect(await blocked()).toEqual(['K6', 'K7', 'K8']);
    expect(await busy.next()).toEqual({ isShort: true, payloads: ['K5', 'K6'] });
    expect(await blocked()).toEqual(['K8']);
  }, 60_000);

  /** A run whose next call looks for messages from a time on before which blocked ones of the key K were due. */
  async function behindBlocked() {
    const queue = database.queue('outbox');
    await queue.enqueue(['K1', 'K2', 'K3'].map(keyed));
    const busy = await run({ Limit: 1 });
    await busy.beside();
    const others = ['A', 'B'].map((payload) => message(payload));
    await queue.enqueue(others);
    const { dueUtc } = (await queue.get(others[0]!.messageId))!;
    return { busy, FromUtc: dueUtc.toISOString().slice(0, -1) };
  }

  test('Q10: an unblocked message that was due before all that the last claim left is found', async () => {
    const { busy, FromUtc } = await behindBlocked();
    expect(await busy.next({ FromUtc })).toEqual({ isShort: true, payloads: ['K2'] });
  }, 60_000);

  test('Q10: the caller’s word that no message has a key is not trusted', async () => {
    await database.queue('outbox').enqueue(['K1', 'L1', 'K2', 'L2', 'K3'].map(keyed));
    const busy = await run();
    expect(await busy.next({ Keyed: false })).toEqual({ isShort: false, payloads: [] });
    expect(await database.queue('outbox').statistics()).toMatchObject({ claimed: 2, done: 0 });
  }, 60_000);

  const late = message('K0', { orderingKey: 'K', dueInMs: 3_600_000 });
  test.each<[what: string, before: NewMessage, change: string | null]>([
    ['not due', late, null],
    ['recovered', keyed('K0'), 'Recovered = 1'],
    ['claimed under another fence', keyed('K0'), 'Status = 1, ClaimFence = 99'],
    ['Dead', keyed('K0'), 'Status = 3, SettledUtc = EnqueuedUtc'],
    ['throttled', keyed('K0'), 'Blocked = 2'],
  ])(
    'Q7, Q10: a claim that meets one that is %s is taken back',
    async (_, before, change) => {
      const queue = database.queue('outbox');
      await queue.enqueue([...['A', 'B', 'C'].map((payload) => message(payload)), before, keyed('K1')]);
      const busy = await run();
      if (change !== null)
        await pool.request().query(`UPDATE messaging.Outbox SET ${change} WHERE Payload = N'K0'`);
      expect((await busy.next()).isShort).toBe(false);
      // The outcomes were not sent, so the two messages are still claimed.
      expect(await queue.statistics()).toMatchObject({ done: 0 });
    },
    60_000,
  );

  test('Q8, Q10: a message that a call unblocked is found also when the call is repeated', async () => {
    const { busy, FromUtc } = await behindBlocked();
    expect(await busy.next({ FromUtc })).toEqual({ isShort: true, payloads: ['K2'] });
    const { header, payloads } = await busy.again({ FromUtc });
    expect(payloads).toEqual(['K2']);
    const from = (header.FromUtc as Date).toISOString().slice(0, -1);
    expect(await busy.next({ FromUtc: from })).toEqual({ isShort: true, payloads: ['K3'] });
  }, 60_000);

  test('Q8, Q11: a repeated call that had released the lease tells what is left', async () => {
    const queue = database.queue('outbox');
    await queue.enqueue([message('A'), message('late', { dueInMs: 3_600_000 })]);
    const busy = await run();
    await busy.next({ Then: 'release-lease' });
    const { header } = await busy.again({ Then: 'release-lease' });
    expect(header).toMatchObject({ Lease: 'released', More: false, NextDueInMs: expect.any(String) });
    await queue.enqueue([message('B')]);
    const { header: later } = await busy.again({ Then: 'release-lease' });
    expect(later).toMatchObject({ Lease: 'released', More: true, NextDueInMs: '0' });
  }, 60_000);

  test('Q8, Q10: a repeated call returns the messages of a key in their order, also one that was replaced', async () => {
    const queue = database.queue('outbox');
    const [first, second] = [keyed('K1'), keyed('K2')];
    await queue.enqueue([first, second]);
    const CallId = randomUUID();
    const replacement = {
      messageId: randomUUID(),
      payload: 'new',
      headers: {},
      delayMs: 0,
      reason: 'a test',
    };
    await queue.replace({ target: { messageId: first.messageId! }, ...replacement });
    expect((await call('Begin', { CallId })).payloads).toEqual(['new', 'K2']);
    expect((await call('Begin', { CallId, Again: true })).payloads).toEqual(['new', 'K2']);
  }, 60_000);
});
