/**
 * Every value that a procedure cannot use is refused with an error number of this project (sql/README.md), which the
 * engine translates. Needs a server; see test/support/sqlserver.ts.
 */
import { randomUUID } from 'node:crypto';
import * as mssql from 'mssql';
import { describeOnServer, serverConnectionString, serverVariable } from '../../support/sqlserver.ts';
import { type SchemaKind, TestDatabases } from '../../support/sqlserver-databases.ts';

type Values = Readonly<Record<string, string | number | boolean | null>>;

const tooLong = 1_500_000_000_001;
const lease = { Name: 'job', Owner: 'host-1', LeaseMs: 60_000 };
const run = { Owner: 'host-1', LeaseMs: 60_000, Limit: 1, MaxBytes: 1_000 };
const acquisition = { Fence: 1, AcquisitionId: randomUUID() };
const settle = { ...run, ...acquisition, Outcomes: '[]', Then: 'renew-lease' };
const plan = { Owner: 'host-1', ...acquisition, Choices: '[]', RedispatchMs: 1_000 };
const report = {
  Id: 'acme',
  Outcome: 'idle',
  DurationMs: 1,
  Counts: '{}',
  Backlog: false,
  OutboxState: null,
  InboxState: null,
  ErrorCode: null,
  Error: null,
  NextDueInMs: null,
  Mode: 'set',
  IdleStreak: 0,
  FailureStreak: 0,
};
const tenant = {
  Id: 'acme',
  Server: '',
  DatabaseName: 'acme',
  DatabaseKey: 'acme',
  Auth: '{"kind":"managed-identity"}',
  SchemaName: 'messaging',
  Priority: 0,
  Weight: 1,
  SlaSeconds: null,
  Tags: '{}',
  Overrides: '{}',
};
const someId = '11111111-1111-4111-8111-111111111111';
const replacement = { MessageId: someId, NewMessageId: someId, Payload: 'x', Reason: 'r' };
const act = { Actor: 'ada', Act: 'replay', Selection: '{}' };

const outcome = (fields: object) => ({
  ...settle,
  Outcomes: JSON.stringify([{ messageId: randomUUID(), ...fields }]),
});
const twice = { sequence: 1, messageId: randomUUID(), kind: 'done' };

const refused: readonly [SchemaKind, procedure: string, what: string, Values, number: number][] = [
  ['tenant', 'Lease_Acquire', 'a lease without an end', { ...lease, LeaseMs: tooLong }, 51027],
  ['tenant', 'Lease_Acquire', 'a lease of null', { ...lease, LeaseMs: null }, 51027],
  ['tenant', 'Lease_Renew', 'a negative lease', { ...lease, ...acquisition, LeaseMs: -1 }, 51027],
  ['tenant', 'Outbox_Enqueue', 'a topic of blanks', { Topic: ' ', Payload: 'x' }, 51020],
  ['tenant', 'Outbox_Enqueue', 'a topic with a blank at its end', { Topic: 't ', Payload: 'x' }, 51024],
  ['tenant', 'Outbox_Enqueue', 'a topic with a blank at its start', { Topic: ' t', Payload: 'x' }, 51024],
  [
    'tenant',
    'Outbox_EnqueueMany',
    'a topic with a blank at its end',
    { Messages: '[{"ordinal":0,"topic":"t "}]', Payloads: '["x"]' },
    51024,
  ],
  ['tenant', 'Outbox_Begin', 'a lease without an end', { ...run, LeaseMs: tooLong }, 51027],
  ['tenant', 'Outbox_Begin', 'a retention too long', { ...run, RetentionMs: tooLong, PurgeLimit: 1 }, 51027],
  ['tenant', 'Outbox_Begin', 'a negative limit', { ...run, Limit: -1 }, 51027],
  ['tenant', 'Outbox_Begin', 'an owner too long', { ...run, Owner: 'x'.repeat(201) }, 51026],
  ['tenant', 'Outbox_SettleAndClaim', 'a negative purge', { ...settle, PurgeLimit: -1 }, 51027],
  ['tenant', 'Outbox_SettleAndClaim', 'outcomes that are not JSON', { ...settle, Outcomes: '[{' }, 51025],
  [
    'tenant',
    'Outbox_SettleAndClaim',
    'messages in flight that are not JSON',
    { ...settle, InFlight: '[' },
    51025,
  ],
  ['tenant', 'Outbox_SettleAndClaim', 'an outcome without a sequence', outcome({ kind: 'done' }), 51025],
  [
    'tenant',
    'Outbox_SettleAndClaim',
    'an outcome without an id',
    outcome({ sequence: 1, messageId: null, kind: 'done' }),
    51025,
  ],
  ['tenant', 'Outbox_SettleAndClaim', 'half a sequence', outcome({ sequence: 0.5, kind: 'done' }), 51025],
  [
    'tenant',
    'Outbox_SettleAndClaim',
    'two outcomes of one message',
    { ...settle, Outcomes: JSON.stringify([twice, twice]) },
    51025,
  ],
  [
    'tenant',
    'Outbox_SettleAndClaim',
    'a delay in words',
    outcome({ sequence: 1, kind: 'retry', delayMs: 'soon' }),
    51025,
  ],
  [
    'tenant',
    'Outbox_SettleAndClaim',
    'a delay too long',
    outcome({ sequence: 1, kind: 'retry', delayMs: tooLong }),
    51027,
  ],
  [
    'tenant',
    'Outbox_SettleAndClaim',
    'parked in words',
    outcome({ sequence: 1, kind: 'release', parked: 'no' }),
    51025,
  ],
  ['tenant', 'Outbox_SettleAndClaim', 'no kind', outcome({ sequence: 1 }), 51005],
  ['tenant', 'Outbox_SettleAndClaim', 'an error of no message', { ...settle, Errors: '{"one":"x"}' }, 51025],
  [
    'tenant',
    'Outbox_SettleAndClaim',
    'a message in flight that is no number',
    { ...settle, InFlight: '["one"]' },
    51025,
  ],
  ['tenant', 'Outbox_Stored', 'an id that is no UUID', { MessageIds: '["x"]' }, 51025],
  ['tenant', 'Outbox_Find', 'an age too long', { OlderThanMs: tooLong }, 51027],
  ['tenant', 'Outbox_Find', 'a negative limit', { Limit: -1 }, 51027],
  ['tenant', 'Outbox_Find', 'a part of no bytes', { ExamineBytes: 0 }, 51027],
  ['tenant', 'Outbox_Find', 'a time after the year 9999', { EnqueuedFrom: 253_402_300_800_000 }, 51027],
  ['tenant', 'Outbox_Find', 'an unknown walk', { Walk: 'index' }, 51005],
  ['tenant', 'Outbox_Find', 'an id that is no UUID', { MessageIds: '["x"]' }, 51025],
  ['tenant', 'Outbox_Act', 'an unknown act', { Act: 'bury', Targets: '[]' }, 51005],
  ['tenant', 'Outbox_Act', 'a target that is no UUID', { Act: 'replay', Targets: '[{"id":"x"}]' }, 51025],
  ['tenant', 'Outbox_Act', 'no reason', { Act: 'cancel', Targets: '[]' }, 51005],
  ['tenant', 'Outbox_Act', 'a negative delay', { Act: 'reschedule', Targets: '[]', DelayMs: -1 }, 51022],
  [
    'tenant',
    'Outbox_Act',
    'a reason too long',
    { Act: 'cancel', Targets: '[]', Reason: 'x'.repeat(401) },
    51026,
  ],
  ['tenant', 'Outbox_Replace', 'no payload', { ...replacement, Payload: null }, 51021],
  ['tenant', 'Outbox_Replace', 'headers that are not JSON', { ...replacement, Headers: '{' }, 51023],
  ['registry', 'Audit_Begin', 'an actor too long', { ...act, Actor: 'x'.repeat(201) }, 51026],
  ['registry', 'Audit_Begin', 'a selection that is not JSON', { ...act, Selection: '{' }, 51025],
  ['registry', 'Operation_Change', 'an unknown act', { Id: someId, Act: 'stop' }, 51005],
  [
    'registry',
    'Plan_Begin',
    'a lease without an end',
    { Owner: 'host-1', LeaseMs: tooLong, Limit: 1 },
    51027,
  ],
  ['registry', 'Plan_Begin', 'a negative limit', { Owner: 'host-1', LeaseMs: 1_000, Limit: -1 }, 51027],
  [
    'registry',
    'Plan_Begin',
    'a bound without an end',
    { Owner: 'host-1', LeaseMs: 1_000, Limit: 1, LookWithinMs: tooLong },
    51027,
  ],
  ['registry', 'Plan_Commit', 'choices that are not JSON', { ...plan, Choices: '{' }, 51025],
  [
    'registry',
    'Plan_Commit',
    'a version in words',
    { ...plan, Choices: '[{"tenantId":"a","planVersion":"x"}]' },
    51025,
  ],
  ['registry', 'Plan_Commit', 'a choice of no tenant', { ...plan, Choices: '[{"planVersion":1}]' }, 51025],
  ['registry', 'Plan_Commit', 'a redispatch too late', { ...plan, RedispatchMs: tooLong }, 51027],
  ['registry', 'Tenant_Report', 'counts that are not JSON', { ...report, Counts: '{' }, 51025],
  ['registry', 'Tenant_Report', 'a count in words', { ...report, Counts: '{"done":"many"}' }, 51025],
  ['registry', 'Tenant_Report', 'a due time too far off', { ...report, NextDueInMs: tooLong }, 51027],
  ['registry', 'Tenant_Wake', 'ids that are not JSON', { Ids: 'acme' }, 51025],
  ['registry', 'Tenant_Add', 'tags that are not JSON', { ...tenant, Tags: 'eu' }, 51025],
  ['registry', 'Tenant_Add', 'an unknown editor', { ...tenant, By: 'nobody' }, 51005],
  [
    'registry',
    'Tenant_SetStatus',
    'an unknown editor',
    { Id: 'acme', Status: 'paused', By: 'nobody' },
    51005,
  ],
  ['registry', 'Tenant_Change', 'overrides that are not JSON', { ...tenant, Overrides: '{' }, 51025],
];

describeOnServer(`values that the procedures refuse, on SQL Server (${serverVariable})`, () => {
  const databases = new TestDatabases(serverConnectionString);
  const pools = {} as Record<SchemaKind, mssql.ConnectionPool>;

  beforeAll(async () => {
    for (const kind of ['tenant', 'registry'] as const)
      pools[kind] = await databases.pool(await databases.take(kind));
  }, 240_000);

  afterAll(() => databases.dispose(), 120_000);

  function call(request: mssql.Request, procedure: string, values: Values) {
    for (const [name, value] of Object.entries(values)) {
      // Without a type, a large number would be sent as a float.
      if (/Ms$|^Fence$/.test(name) && name !== 'DurationMs') request.input(name, mssql.BigInt, value);
      else request.input(name, value);
    }
    return request.execute(`messaging.${procedure}`);
  }

  test.each(refused)(
    '%s: %s refuses %s',
    async (kind, procedure, _, values, number) => {
      await expect(call(new mssql.Request(pools[kind]), procedure, values)).rejects.toMatchObject({ number });
    },
    60_000,
  );

  test.each([
    ['Status', 7, 'Status'],
    ['Blocked', 3, 'Blocked'],
    // Without an ordering key nothing would unblock it.
    ['Blocked', 1, 'Blocked'],
    ['Attempts', -1, 'Counts'],
    ['Parks', -1, 'Counts'],
    ['ReplayCount', -1, 'Counts'],
    ['ClaimFence', -1, 'ClaimFence'],
  ])('Q15: the table refuses what no claim could read: %s = %d', async (column, value, constraint) => {
    const insert = new mssql.Request(pools.tenant).batch(
      `INSERT messaging.Outbox (MessageId, Topic, Payload, EnqueuedUtc, DueUtc, ${column})
       VALUES (NEWID(), N't', N'x', SYSUTCDATETIME(), SYSUTCDATETIME(), ${value})`,
    );
    await expect(insert).rejects.toThrow(new RegExp(`CK_Outbox_${constraint}`, 'i'));
  });

  test.each([
    ['Topic', `N't ', N'', NULL`],
    ['Topic', `N' t', N'', NULL`],
    ['Source', `N't', N's ', NULL`],
    ['Hash', `N't', N'', N'h '`],
  ])('D4, I1: the table refuses a blank at an end, which comparisons ignore: %s of %s', async (_, values) => {
    const insert = new mssql.Request(pools.tenant).batch(
      `INSERT messaging.Inbox (MessageId, Payload, EnqueuedUtc, DueUtc, Topic, Source, Hash)
       VALUES (NEWID(), N'x', SYSUTCDATETIME(), SYSUTCDATETIME(), ${values})`,
    );
    await expect(insert).rejects.toThrow(/CK_Inbox_Blanks/i);
  });

  test('Q3: a refused enqueue leaves the caller’s transaction open', async () => {
    const transaction = new mssql.Transaction(pools.tenant);
    await transaction.begin();
    const messageId = randomUUID();
    const enqueue = (values: Values) =>
      call(transaction.request(), 'Outbox_EnqueueMany', { Payloads: '["x"]', ...values });
    await enqueue({ Messages: JSON.stringify([{ ordinal: 0, topic: 't', messageId }]) });
    const bad = enqueue({ Messages: JSON.stringify([{ ordinal: 0, topic: 't', delayMs: 'soon' }]) });
    await expect(bad).rejects.toMatchObject({ number: 51025 });
    await transaction.commit();
    const { recordset } = await call(new mssql.Request(pools.tenant), 'Outbox_Get', { MessageId: messageId });
    expect(recordset).toHaveLength(1);
  }, 60_000);
});
