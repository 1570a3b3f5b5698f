/** Converts rows of a queue's table to messages. */

import {
  type ClaimedMessage,
  dedupKeyOf,
  type MessageRecord,
  type MessageStatus,
  messageLimits,
} from '../../message.ts';
import { headersOf, readableOr, tooLarge, UnreadableValue } from '../../stored-values.ts';
import type { QueueName } from '../../work-queue.ts';
import type { Connection } from '../connection.ts';
import { date, integer, integerColumn, type StoredInteger } from '../integers.ts';
import { isDoubtful, type StoredText, textColumn, textColumnUnless, textOf, textOrNull } from '../text.ts';

export type QueueTable = 'Outbox' | 'Inbox';

export const tableOf: Readonly<Record<QueueName, QueueTable>> = { outbox: 'Outbox', inbox: 'Inbox' };

/** Builds the statements of one concern once for each queue's table. */
export function perTable<T>(build: (table: QueueTable) => T): Readonly<Record<QueueTable, T>> {
  return { Outbox: build('Outbox'), Inbox: build('Inbox') };
}

/**
 * Up to so many rows are changed by a statement each. A statement that finds its rows by an index that it changes costs as
 * much for the list that it makes of them as two or three rows do.
 */
export const fewRows = 5;

/** SQLite takes the lengths from the row's header, without reading the texts. */
export const contentBytes = 'octet_length(Payload) + iif(Headers IS NULL, 0, octet_length(Headers))';
const isTooLarge = `${contentBytes} > ${messageLimits.contentBytes}`;

/** The table refuses longer ones, unless a program has switched its constraints off. */
const shortBytes = 1_203;

/** A call of a function costs as much as several comparisons, so the most frequent values come first. */
function shortText(name: string): string {
  return textColumnUnless(`octet_length(${name}) > ${shortBytes}`, name);
}

function unlessNull(name: string, otherwise: string): string {
  return `iif(${name} IS NULL, NULL, ${otherwise})`;
}

function columnsWith(payload: string, headers: string): string {
  const shortOrNull = (name: string) => unlessNull(name, shortText(name));
  return [
    'Sequence',
    shortText('MessageId'),
    shortText('Topic'),
    payload,
    headers,
    shortOrNull('CorrelationId'),
    shortOrNull('OrderingKey'),
    integerColumn('EnqueuedUtc'),
    integerColumn('DueUtc'),
    integerColumn('Attempts'),
    integerColumn('Parks'),
    integerColumn('Recovered'),
    `iif(Source = '', '', ${shortText('Source')})`,
    shortOrNull('DedupKey'),
    contentBytes,
  ].join(', ');
}

/** The columns of a `ClaimRow`, for a SELECT list. */
export const claimColumns = columnsWith(
  textColumnUnless(isTooLarge, 'Payload'),
  unlessNull('Headers', textColumnUnless(isTooLarge, 'Headers')),
);

/**
 * The same columns, but a payload and headers are not read if they have more bytes than a parameter says, one for each of
 * them in this order. So many rows can be read at once.
 */
export const boundedClaimColumns = columnsWith(
  textColumnUnless('octet_length(Payload) > ?', 'Payload'),
  unlessNull('Headers', textColumnUnless('octet_length(Headers) > ?', 'Headers')),
);

/** Whether a row of `boundedClaimColumns` must be read again with `claimColumns`. */
export function lacksContent(row: ClaimRow): boolean {
  return row[3] === 0 || row[4] === 0;
}

/** 0 stands for a text that was not read, because it is too long. */
type BoundedText = StoredText | 0;

/** Rows are arrays, because arrays are read faster and most rows read are claimed rows. */
export type ClaimRow = readonly [
  sequence: number,
  messageId: BoundedText,
  topic: BoundedText,
  payload: BoundedText,
  headers: BoundedText | null,
  correlationId: BoundedText | null,
  orderingKey: BoundedText | null,
  enqueuedUtc: StoredInteger,
  dueUtc: StoredInteger,
  attempts: StoredInteger,
  parks: StoredInteger,
  recovered: StoredInteger,
  source: BoundedText,
  dedupKey: BoundedText | null,
  bytes: number,
  ...more: unknown[],
];

/** The texts of a `ClaimRow`, with their positions. */
const texts = [
  [1, 'MessageId'],
  [2, 'Topic'],
  [3, 'Payload'],
  [4, 'Headers'],
  [5, 'CorrelationId'],
  [6, 'OrderingKey'],
  [12, 'Source'],
  [13, 'DedupKey'],
] as const;

/** Those that a summary contains. */
const shortTexts = texts.filter(([, name]) => name !== 'Payload' && name !== 'Headers');

const statements = perTable((table) => ({
  /** For each text, whether it is stored as the text given. */
  isStoredAs: `SELECT ${texts.map(([, name]) => `${name} IS ?`).join(', ')} FROM ${table} WHERE Sequence = ?`,
}));

/**
 * Converts a row that was read before the claim; the result counts the new attempt (Q5). A row that cannot be read
 * gives a message that says why (Q15).
 */
export function claimedMessage(
  connection: Connection,
  table: QueueTable,
  row: ClaimRow,
  read: 'all' | 'summary' = 'all',
): ClaimedMessage {
  try {
    if (mayNotBeUtf8(row)) assertUtf8(connection, table, row, read === 'all' ? texts : shortTexts);
    return new RowMessage(row);
  } catch (error) {
    if (error instanceof UnreadableValue) return unreadableMessage(row, error.message);
    throw error;
  }
}

/** Of a row whose due time JavaScript cannot hold: such a row is due first. */
export const unreadableDueMs = Number.MIN_SAFE_INTEGER;

/** When the row is due, in milliseconds since 1970. */
export function dueMsOf(row: ClaimRow): number {
  return typeof row[8] === 'number' ? row[8] : unreadableDueMs;
}

/** Spelled out, because it is asked of every message. */
function mayNotBeUtf8(row: ClaimRow): boolean {
  const [, messageId, topic, payload, headers, correlationId, orderingKey] = row;
  return (
    isDoubtful(payload) ||
    isDoubtful(headers) ||
    isDoubtful(topic) ||
    isDoubtful(messageId) ||
    isDoubtful(correlationId) ||
    isDoubtful(orderingKey) ||
    isDoubtful(row[12]) ||
    isDoubtful(row[13])
  );
}

function assertUtf8(
  connection: Connection,
  table: QueueTable,
  row: ClaimRow,
  wereRead: readonly (typeof texts)[number][],
): void {
  const read = texts.map(([at]) => (typeof row[at] === 'number' ? null : textOrNull(row[at])));
  const same = connection.getTuple<number[]>(statements[table].isStoredAs, ...read, row[0]);
  const changed = wereRead.find(
    (text) => typeof row[text[0]] !== 'number' && same?.[texts.indexOf(text)] === 0,
  );
  if (changed !== undefined) throw new UnreadableValue(`${changed[1]} is not valid UTF-8`);
}

const tooLong = (column: string) => `${column} is too long`;

function shortOf(column: string, value: BoundedText): string {
  return textOf(value, tooLong(column));
}

function shortOrNull(column: string, value: BoundedText | null): string | null {
  return value === null ? null : textOf(value, tooLong(column));
}

function callersDedupKey(value: BoundedText | null): string | null {
  return value === null ? null : dedupKeyOf(shortOf('DedupKey', value));
}

/**
 * This is a class and not an object literal, because V8 allocates literals that often survive directly in the old
 * generation. There each unreachable message keeps its payload until the next full collection. In some processes a
 * drain at batch 500 grew by 150 MiB that way.
 */
class RowMessage implements ClaimedMessage {
  readonly sequence: number;
  readonly messageId: string;
  readonly topic: string;
  readonly payload: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly correlationId: string | null;
  readonly orderingKey: string | null;
  readonly enqueuedUtc: Date;
  readonly dueUtc: Date;
  readonly attempt: number;
  readonly parks: number;
  readonly recovered: boolean;
  readonly source: string | null;
  readonly dedupKey: string | null;

  /** @throws UnreadableValue */
  constructor(row: ClaimRow) {
    this.sequence = row[0];
    this.messageId = shortOf('MessageId', row[1]);
    this.topic = shortOf('Topic', row[2]);
    this.payload = textOf(row[3], tooLarge);
    this.headers = headersOf(row[4] === null ? null : textOf(row[4], tooLarge));
    this.correlationId = shortOrNull('CorrelationId', row[5]);
    this.orderingKey = shortOrNull('OrderingKey', row[6]);
    this.enqueuedUtc = date('EnqueuedUtc', row[7]);
    this.dueUtc = date('DueUtc', row[8]);
    this.attempt = integer('Attempts', row[9]) + 1;
    this.parks = integer('Parks', row[10]);
    this.recovered = row[11] === 1;
    this.source = shortOf('Source', row[12]) || null;
    this.dedupKey = callersDedupKey(row[13]);
  }
}

/**
 * A message without the content. Whatever else can be read is kept for people. An ordering key that was replaced in
 * part would name another group.
 */
function unreadableMessage(row: ClaimRow, unreadable: string): ClaimedMessage {
  const key = isDoubtful(row[6]) ? null : row[6];
  return {
    sequence: row[0],
    messageId: isDoubtful(row[1]) ? '' : readableOr(() => shortOf('MessageId', row[1]), ''),
    topic: readableOr(() => shortOf('Topic', row[2]), ''),
    payload: '',
    headers: {},
    correlationId: readableOr(() => shortOrNull('CorrelationId', row[5]), null),
    orderingKey: readableOr(() => shortOrNull('OrderingKey', key), null),
    enqueuedUtc: readableOr(() => date('EnqueuedUtc', row[7]), new Date(0)),
    dueUtc: readableOr(() => date('DueUtc', row[8]), new Date(0)),
    attempt: readableOr(() => integer('Attempts', row[9]), 0) + 1,
    parks: readableOr(() => integer('Parks', row[10]), 0),
    recovered: row[11] === 1,
    source: readableOr(() => shortOf('Source', row[12]), '') || null,
    dedupKey: readableOr(() => callersDedupKey(row[13]), null),
    unreadable,
  };
}

const restColumns = [
  'Status',
  integerColumn('ClaimFence'),
  textColumn('LastError'),
  textColumn('FirstError'),
  integerColumn('ReplayCount'),
  integerColumn('SettledUtc'),
  'Blocked',
  textColumn('EndReason'),
].join(', ');

/** The columns of a `RecordRow`, for a SELECT list. */
export const recordColumns = `${restColumns}, ${claimColumns}`;

/** The SQL expression of `FoundMessage.version`. */
export const versionColumn = ['Status', 'Attempts', 'ReplayCount', 'DueUtc', "coalesce(SettledUtc, '')"].join(
  " || '.' || ",
);

/** The columns of a `RecordRow` without its content, and the version behind them. */
export const summaryColumns = `${restColumns}, ${columnsWith("''", 'NULL')}, ${versionColumn}`;

/** This is an array for the same reason as `ClaimRow`. */
export type RecordRow = readonly [
  status: MessageStatus,
  claimFence: StoredInteger | null,
  lastError: StoredText | null,
  firstError: StoredText | null,
  replayCount: StoredInteger,
  settledUtc: StoredInteger | null,
  blocked: number,
  endReason: StoredText | null,
  ...claim: ClaimRow,
];

/** @param read `summary`: the row has `summaryColumns`, and the message has an empty payload and no headers */
export function messageRecord(
  connection: Connection,
  table: QueueTable,
  row: RecordRow,
  read: 'all' | 'summary' = 'all',
): MessageRecord {
  const [status, claimFence, lastError, firstError, replayCount, settledUtc, blocked, endReason, ...claim] =
    row;
  const { attempt, ...message } = claimedMessage(connection, table, claim, read);
  return {
    ...message,
    status,
    attempts: attempt - 1,
    claimFence: claimFence === null ? null : readableOr(() => integer('ClaimFence', claimFence), null),
    lastError: textOrNull(lastError),
    firstError: textOrNull(firstError),
    replayCount: readableOr(() => integer('ReplayCount', replayCount), 0),
    settledUtc: settledUtc === null ? null : readableOr(() => date('SettledUtc', settledUtc), null),
    endReason: textOrNull(endReason),
    blocked: blocked === 1,
  };
}
