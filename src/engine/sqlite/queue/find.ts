/** Finding and counting messages for people, without their payloads. */
import type { SQLInputValue } from 'node:sqlite';
import {
  type Counted,
  type FindPart,
  type Found,
  type FoundMessage,
  type MessageFilter,
  type Position,
  type SearchPart,
  stateBits,
  type Walk,
  walkOf,
} from '../../message-search.ts';
import type { Connection } from '../connection.ts';
import { foldCase } from '../file.ts';
import { acceptedTime } from '../integers.ts';
import { earliestUtc, latestUtc, wholeMs } from '../time.ts';
import {
  contentBytes,
  messageRecord,
  perTable,
  type QueueTable,
  type RecordRow,
  summaryColumns,
} from './records.ts';

/** How a walk reads its index: the rows in it, and whether their order is by SettledUtc or descends. */
interface Way {
  readonly index: string;
  readonly rows: string;
  readonly isBySettled?: true;
  readonly descends?: true;
}

const idList = 'MessageId COLLATE NOCASE IN (SELECT value FROM json_each(:ids))';

const ways: Readonly<Record<Walk, Way>> = {
  ids: { index: 'MessageId', rows: idList },
  'dedup-key': { index: 'DedupKey', rows: 'DedupKey = :dedupKey' },
  dead: { index: 'Dead', rows: 'Status = 3', isBySettled: true },
  done: { index: 'Settled', rows: 'Status = 2', isBySettled: true, descends: true },
  claimed: { index: 'Claimed', rows: 'Status = 1', descends: true },
  group: { index: 'Group', rows: 'OrderingKey = :orderingKey AND InGroup = 1' },
  all: { index: '', rows: '1', descends: true },
};

const contains = (text: string, part: string) => `(${part} IS NULL OR instr(${text}, ${part}) > 0)`;
const equals = (column: string, value: string) => `(${value} IS NULL OR ${column} = ${value})`;

/** The payload comes last, so that it is read only of messages that meet all other conditions. */
const conditions = [
  '(:states & CASE Status WHEN 2 THEN iif(EndReason IS NULL, 4, 16) ELSE 1 << Status END) <> 0',
  `(:ids IS NULL OR ${idList})`,
  equals('fold_case(Topic)', ':topic'),
  equals('OrderingKey', ':orderingKey'),
  equals('DedupKey', ':dedupKey'),
  equals('CorrelationId', ':correlationId'),
  equals('Source', ':source'),
  '(:settledUntil IS NULL OR SettledUtc <= :settledUntil OR SettledUtc > :settledNow)',
  '(:enqueuedFrom IS NULL OR EnqueuedUtc >= :enqueuedFrom)',
  '(:enqueuedBefore IS NULL OR EnqueuedUtc < :enqueuedBefore)',
  contains("fold_case(coalesce(LastError, ''))", ':errorText'),
  contains('Payload', ':payloadText'),
].join('\n      AND ');

const statements = perTable((table) => {
  const ofWalk = ({ index, rows, isBySettled, descends }: Way) => {
    const from = `FROM ${table} ${index === '' ? 'NOT INDEXED' : `INDEXED BY ${table}_${index}`}`;
    const key = isBySettled ? '(SettledUtc, Sequence)' : 'Sequence';
    const place = (name: string) => (isBySettled ? `(:${name}Utc, :${name})` : `:${name}`);
    const direction = descends ? ' DESC' : '';
    const order = isBySettled ? `SettledUtc${direction}, Sequence${direction}` : `Sequence${direction}`;
    const ahead = `${rows} AND ${key} ${descends ? '<' : '>'} ${place('after')}`;
    const part = `${from}
    WHERE ${ahead} AND ${key} ${descends ? '>=' : '<='} ${place('end')}
      AND ${conditions}`;
    const places = `SELECT Sequence, ${acceptedTime('SettledUtc')} AS Utc, ${contentBytes} AS Bytes
      ${from} WHERE ${ahead} ORDER BY ${order}`;
    return {
      end: `${places} LIMIT 1 OFFSET :examine`,
      places: `${places} LIMIT :examine + 0`,
      find: `SELECT ${summaryColumns} ${part} ORDER BY ${order} LIMIT :limit + 0`,
      count: `SELECT count(*) AS Count ${part}`,
    };
  };
  return Object.fromEntries(Object.entries(ways).map(([walk, way]) => [walk, ofWalk(way)])) as Record<
    Walk,
    ReturnType<typeof ofWalk>
  >;
});

const lastSequence = Number.MAX_SAFE_INTEGER;

function valuesOf(filter: MessageFilter, now: number) {
  const { olderThanMs } = filter;
  return {
    states: stateBits(filter.states),
    ids: filter.messageIds === undefined ? null : JSON.stringify(filter.messageIds),
    topic: filter.topic === undefined ? null : foldCase(filter.topic),
    orderingKey: filter.orderingKey ?? null,
    dedupKey: filter.dedupKey ?? null,
    correlationId: filter.correlationId ?? null,
    source: filter.source ?? null,
    // If the clock was set back, a message may have ended later than now: it is old enough (Q16).
    settledNow: now,
    settledUntil: olderThanMs === undefined || olderThanMs === 0 ? null : now - wholeMs(olderThanMs),
    enqueuedFrom: filter.enqueuedFrom?.getTime() ?? null,
    enqueuedBefore: filter.enqueuedBefore?.getTime() ?? null,
    errorText: filter.errorText === undefined ? null : foldCase(filter.errorText),
    payloadText: filter.payloadText ?? null,
  };
}

/** The part of the walk that a call examines, and the place where it ends; null when it is the rest of the walk. */
function partOf(connection: Connection, table: QueueTable, filter: MessageFilter, part: SearchPart) {
  const walk = walkOf(filter);
  const { isBySettled, descends, rows } = ways[walk];
  const values = valuesOf(filter, connection.now());
  const start = descends ? { after: lastSequence, utc: latestUtc } : { after: 0, utc: earliestUtc };
  const after = {
    after: part.after?.sequence ?? start.after,
    ...(isBySettled && { afterUtc: part.after?.settledMs ?? start.utc }),
  };
  const named = Object.fromEntries(Object.entries(values).filter(([name]) => rows.includes(`:${name}`)));
  const { examined, last } = endOf(connection, statements[table][walk], { ...named, ...after }, filter, part);
  const next: Position | null =
    last === undefined ? null : { sequence: last.Sequence, settledMs: isBySettled ? last.Utc : null };
  const end = {
    end: next?.sequence ?? (descends ? 0 : lastSequence),
    ...(isBySettled && { endUtc: next?.settledMs ?? (descends ? earliestUtc : latestUtc) }),
  };
  return {
    statements: statements[table][walk],
    values: { ...values, ...after, ...end },
    next,
    examined,
    isBySettled,
  };
}

interface Place {
  readonly Sequence: number;
  readonly Utc: number | null;
  readonly Bytes: number;
}

/** The last message that the part examines; undefined when it examines the rest of the walk. */
function endOf(
  connection: Connection,
  { end, places }: Readonly<Record<'end' | 'places', string>>,
  values: Record<string, SQLInputValue>,
  { payloadText }: MessageFilter,
  { examine, examineBytes = Number.POSITIVE_INFINITY }: SearchPart,
): { examined: number; last: Place | undefined } {
  if (payloadText === undefined)
    return { examined: examine, last: connection.get<Place>(end, { ...values, examine: examine - 1 }) };
  const ahead = connection.all<Place>(places, { ...values, examine });
  let bytes = 0;
  const index = ahead.findIndex((place) => {
    bytes += place.Bytes;
    return bytes >= examineBytes;
  });
  const examined = index === -1 ? examine : index + 1;
  return { examined, last: ahead[examined - 1] };
}

export function countMessages(
  connection: Connection,
  table: QueueTable,
  filter: MessageFilter,
  part: SearchPart,
): Counted {
  const { statements: sql, values, next, examined } = partOf(connection, table, filter, part);
  return { count: connection.get<{ Count: number }>(sql.count, values)!.Count, next, examined };
}

export function findMessages(
  connection: Connection,
  table: QueueTable,
  filter: MessageFilter,
  part: FindPart,
): Found {
  const { statements: sql, values, next, examined, isBySettled } = partOf(connection, table, filter, part);
  const rows = connection.allTuples<RecordRow>(sql.find, { ...values, limit: part.limit });
  const messages = rows.map((row) => foundMessage(connection, table, row));
  const last = messages[part.limit - 1];
  if (last === undefined) return { messages, next, examined };
  // A walk by SettledUtc finds only messages with a time.
  const settledMs = isBySettled ? last.settledUtc!.getTime() : null;
  return { messages, next: { sequence: last.sequence, settledMs }, examined };
}

function foundMessage(connection: Connection, table: QueueTable, row: RecordRow): FoundMessage {
  const { payload: _none, headers: _nor, ...message } = messageRecord(connection, table, row, 'summary');
  return { ...message, contentBytes: row.at(-2) as number, version: row.at(-1) as string };
}
