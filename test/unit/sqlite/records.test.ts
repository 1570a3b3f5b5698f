/** What each column of a stored row becomes (Q1), and what is left of a row that cannot be read (Q15). */
import { DatabaseSync } from 'node:sqlite';
import { MessageStatus } from '../../../src/engine/message.ts';
import { Connection } from '../../../src/engine/sqlite/connection.ts';
import {
  type ClaimRow,
  claimColumns,
  claimedMessage,
  dueMsOf,
  messageRecord,
  type RecordRow,
  recordColumns,
} from '../../../src/engine/sqlite/queue/records.ts';

/** SQL expressions of a good row. */
const good = {
  Sequence: '5',
  MessageId: `'m-1'`,
  Topic: `'orders'`,
  Payload: `'{"a":1}'`,
  Headers: `'{"h":"1"}'`,
  CorrelationId: `'c-1'`,
  OrderingKey: `'k-1'`,
  EnqueuedUtc: '1000',
  DueUtc: '2000',
  Attempts: '3',
  Parks: '4',
  Recovered: '1',
  Source: `'shop'`,
  DedupKey: `'d-1' || char(31) || 'hash'`,
  Status: '3',
  ClaimFence: '9',
  LastError: `'last'`,
  FirstError: `'first'`,
  ReplayCount: '6',
  SettledUtc: '7000',
  Blocked: '1',
  EndReason: `'ended'`,
};
type Column = keyof typeof good;

const record = {
  sequence: 5,
  messageId: 'm-1',
  topic: 'orders',
  payload: '{"a":1}',
  headers: { h: '1' },
  correlationId: 'c-1',
  orderingKey: 'k-1',
  enqueuedUtc: new Date(1_000),
  dueUtc: new Date(2_000),
  attempts: 3,
  parks: 4,
  recovered: true,
  source: 'shop',
  // The hash of a conflict (I2) is not part of the caller's key.
  dedupKey: 'd-1',
  status: MessageStatus.Dead,
  claimFence: 9,
  lastError: 'last',
  firstError: 'first',
  replayCount: 6,
  settledUtc: new Date(7_000),
  blocked: true,
  endReason: 'ended',
};

/** Lends a connection to a table without constraints that has one row, as a program could store it that switches them off. */
function withRow<T>(values: Partial<Record<Column, string>>, work: (connection: Connection) => T): T {
  const database = new DatabaseSync(':memory:');
  try {
    database.exec(`CREATE TABLE Outbox (${Object.keys(good).join(', ')})`);
    database.exec(`INSERT INTO Outbox VALUES (${Object.values({ ...good, ...values }).join(', ')})`);
    return work(new Connection(database));
  } finally {
    if (database.isOpen) database.close();
  }
}

const claimRow = (connection: Connection) =>
  connection.getTuple<ClaimRow>(`SELECT ${claimColumns} FROM Outbox`)!;

const recordOf = (values: Partial<Record<Column, string>>) =>
  withRow(values, (connection) =>
    messageRecord(
      connection,
      'Outbox',
      connection.getTuple<RecordRow>(`SELECT ${recordColumns} FROM Outbox`)!,
    ),
  );

const claimedOf = (values: Partial<Record<Column, string>>) =>
  withRow(values, (connection) => claimedMessage(connection, 'Outbox', claimRow(connection)));

test('Q1: every column of a row', () => {
  expect(recordOf({})).toEqual(record);
  const empty = { Headers: 'NULL', CorrelationId: 'NULL', OrderingKey: 'NULL', DedupKey: 'NULL' };
  const unsettled = { ClaimFence: 'NULL', LastError: 'NULL', FirstError: 'NULL', SettledUtc: 'NULL' };
  expect(recordOf({ ...empty, ...unsettled, Source: `''`, Recovered: '0', Blocked: '2' })).toEqual({
    ...record,
    headers: {},
    correlationId: null,
    orderingKey: null,
    dedupKey: null,
    claimFence: null,
    lastError: null,
    firstError: null,
    settledUtc: null,
    source: null,
    recovered: false,
    blocked: false,
  });
});

test('Q5: a claimed message counts the attempt that begins', () => {
  expect(claimedOf({})).toMatchObject({ attempt: 4, parks: 4, recovered: true });
});

const long = 'hex(zeroblob(700))';
const beyond = '9223372036854775807';
const notUtf8 = `CAST(x'61ff' AS TEXT)`;
const shown = 'a\ufffd';
const never = new Date(0);

describe.each<[Column, string, RegExp, Record<string, unknown>]>([
  ['MessageId', long, /^MessageId is too long$/, { messageId: '' }],
  ['Topic', long, /^Topic is too long$/, { topic: '' }],
  ['CorrelationId', long, /^CorrelationId is too long$/, { correlationId: null }],
  ['OrderingKey', long, /^OrderingKey is too long$/, { orderingKey: null }],
  ['Source', long, /^Source is too long$/, { source: null }],
  ['DedupKey', long, /^DedupKey is too long$/, { dedupKey: null }],
  ['MessageId', notUtf8, /^MessageId is not valid UTF-8$/, { messageId: '' }],
  ['Topic', notUtf8, /^Topic is not valid UTF-8$/, { topic: shown }],
  ['Payload', notUtf8, /^Payload is not valid UTF-8$/, {}],
  ['Headers', `CAST(x'7b2261223a22ff227d' AS TEXT)`, /^Headers is not valid UTF-8$/, {}],
  ['CorrelationId', notUtf8, /^CorrelationId is not valid UTF-8$/, { correlationId: shown }],
  // A key that was replaced in part would name another group.
  ['OrderingKey', notUtf8, /^OrderingKey is not valid UTF-8$/, { orderingKey: null }],
  ['Source', notUtf8, /^Source is not valid UTF-8$/, { source: shown }],
  ['DedupKey', notUtf8, /^DedupKey is not valid UTF-8$/, { dedupKey: shown }],
  ['Headers', `'a: b'`, /^Headers is not JSON$/, {}],
  ['EnqueuedUtc', beyond, /^EnqueuedUtc is not a time/, { enqueuedUtc: never }],
  ['DueUtc', beyond, /^DueUtc is not a time/, { dueUtc: never }],
  ['Attempts', beyond, /^Attempts is out of range$/, { attempts: 0 }],
  ['Parks', beyond, /^Parks is out of range$/, { parks: 0 }],
])('Q15: a row whose %s is %s', (column, value, reason, changes) => {
  test('Q15: has no content and says why; its other columns are kept for people', () => {
    expect(recordOf({ [column]: value })).toEqual({
      ...record,
      payload: '',
      headers: {},
      ...changes,
      unreadable: expect.stringMatching(reason),
    });
  });

  test('Q15: gives a claim a message of which one more attempt counts', () => {
    const { attempts, payload } = recordOf({ [column]: value });
    expect(claimedOf({ [column]: value })).toMatchObject({ attempt: attempts + 1, payload });
  });
});

test('Q15: a row that cannot be read may have an empty source, no dedup key, and no crash behind it', () => {
  const values = { Headers: `'a: b'`, Source: `''`, DedupKey: 'NULL', Recovered: '0' };
  expect(recordOf(values)).toMatchObject({ source: null, dedupKey: null, recovered: false });
});

test('Q15: the reason names the text that is not UTF-8, also beside one that is too long', () => {
  const { unreadable } = recordOf({ Topic: long, Payload: notUtf8 });
  expect(unreadable).toBe('Payload is not valid UTF-8');
});

test('Q14: texts up to 1,203 bytes are read, also in the columns that are compared', () => {
  const bytes = (count: number) => `printf('%.*c', ${count}, 'x')`;
  expect(recordOf({ Topic: bytes(1_203) }).topic).toHaveLength(1_203);
  expect(recordOf({ Topic: bytes(1_204) }).unreadable).toBe('Topic is too long');
});

test.each(['MessageId', 'Topic', 'Payload', 'CorrelationId', 'OrderingKey', 'Source', 'DedupKey'] as const)(
  'Q14: the replacement character itself is readable in %s',
  (column) => {
    const name = `${column[0]!.toLowerCase()}${column.slice(1)}`;
    expect(recordOf({ [column]: `'a' || char(65533)` })).toEqual({ ...record, [name]: shown });
  },
);

test('Q15: numbers of settling that cannot be read are left out; the message is readable', () => {
  expect(recordOf({ ClaimFence: beyond, ReplayCount: beyond, SettledUtc: beyond })).toEqual({
    ...record,
    claimFence: null,
    replayCount: 0,
    settledUtc: null,
  });
});

test('Q4: a due time that cannot be read counts as the earliest', () => {
  const dueMs = (DueUtc: string) => withRow({ DueUtc }, (connection) => dueMsOf(claimRow(connection)));
  expect([dueMs('2000'), dueMs(beyond)]).toEqual([2_000, Number.MIN_SAFE_INTEGER]);
});

test('D8: an error of the database is not taken for one of the row', () => {
  withRow({ Topic: "CAST(x'61ff' AS TEXT)" }, (connection) => {
    const row = claimRow(connection);
    connection.database.close();
    expect(() => claimedMessage(connection, 'Outbox', row)).toThrow(/not open/);
  });
});
