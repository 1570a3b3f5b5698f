/** Finding and counting messages for people, without their payloads. */
import {
  type Counted,
  type FindPart,
  type Found,
  type FoundMessage,
  type MessageFilter,
  type Position,
  type SearchPart,
  stateBits,
  walkOf,
} from '../../message-search.ts';
import { bigint, bit, type Database, int, longText, type Parameters, type Row, text } from '../database.ts';
import { wholeMs } from '../text.ts';
import { mayBeId, messageRecord } from './records.ts';

function parametersOf(
  filter: MessageFilter,
  { examine, examineBytes, after, waits }: SearchPart,
): Parameters {
  const { messageIds, enqueuedFrom, enqueuedBefore } = filter;
  return {
    Walk: [text, walkOf(filter)],
    Wait: [bit, waits === true],
    Examine: [int, examine],
    After: [bigint, after?.sequence ?? null],
    AfterSettled: [bigint, after?.settledMs ?? null],
    States: [int, stateBits(filter.states)],
    MessageIds: [longText, messageIds === undefined ? null : JSON.stringify(messageIds.filter(mayBeId))],
    Topic: [text, filter.topic ?? null],
    OrderingKey: [text, filter.orderingKey ?? null],
    DedupKey: [text, filter.dedupKey ?? null],
    CorrelationId: [text, filter.correlationId ?? null],
    Source: [text, filter.source ?? null],
    ErrorText: [text, filter.errorText ?? null],
    PayloadText: [text, filter.payloadText ?? null],
    EnqueuedFrom: [bigint, enqueuedFrom?.getTime() ?? null],
    EnqueuedBefore: [bigint, enqueuedBefore?.getTime() ?? null],
    OlderThanMs: [bigint, wholeMs(filter.olderThanMs ?? 0)],
    ...(examineBytes !== undefined && { ExamineBytes: [bigint, examineBytes] }),
  };
}

async function search(
  database: Database,
  table: string,
  filter: MessageFilter,
  part: SearchPart,
  more: Parameters,
): Promise<{ rows: Row[]; next: Position | null; examined: number }> {
  const parameters = { ...parametersOf(filter, part), ...more };
  const [ends, rows] = await database.call(`${table}_Find`, parameters, { onLost: 'repeat' });
  const end = ends![0]!;
  const examined = Number(end.Examined);
  const isWhole = examined < part.examine && end.IsCut !== true;
  return { rows: rows!, next: isWhole ? null : positionOf(end), examined };
}

function positionOf({ Sequence, SettledUtc }: Row): Position {
  return { sequence: Number(Sequence), settledMs: (SettledUtc as Date | null)?.getTime() ?? null };
}

export async function findMessages(
  database: Database,
  table: string,
  filter: MessageFilter,
  part: FindPart,
): Promise<Found> {
  const { rows, next, examined } = await search(database, table, filter, part, {
    Limit: [int, part.limit],
  });
  const messages = rows.map(foundMessage);
  const last = rows.at(-1);
  if (last === undefined || rows.length < part.limit) return { messages, next, examined };
  const isBySettled = ['dead', 'done'].includes(walkOf(filter));
  return { messages, next: positionOf(isBySettled ? last : { ...last, SettledUtc: null }), examined };
}

export async function countMessages(
  database: Database,
  table: string,
  filter: MessageFilter,
  part: SearchPart,
): Promise<Counted> {
  const { rows, ...end } = await search(database, table, filter, part, { CountOnly: [bit, true] });
  return { count: Number(rows[0]!.Matching), ...end };
}

function foundMessage(row: Row): FoundMessage {
  const { payload: _none, headers: _nor, ...message } = messageRecord({ ...row, Payload: '', Headers: null });
  return { ...message, contentBytes: Number(row.ContentBytes), version: row.Version as string };
}
