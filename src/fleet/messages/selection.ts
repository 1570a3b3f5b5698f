/** What callers give to select messages, checked: filters, cursors, places and limits. */
import { types } from 'node:util';
import {
  type MessageFilter,
  type MessageState,
  messageStates,
  type Position,
  walkOf,
  walks,
} from '../../engine/message-search.ts';
import { type QueueName, queueNames } from '../../engine/work-queue.ts';
import { isList, MultiOutboxError, shownValue } from '../../errors.ts';
import { type NamesOf, optionsOf } from '../../options.ts';
import { type DurationInput, parseDuration } from '../../settings.ts';

/** One work queue of one tenant. */
export interface MessagePlace {
  readonly tenantId: string;
  /** Default: 'outbox'. */
  readonly queue?: QueueName;
}

/** Selects the messages that match every given condition. */
export interface MessageSelection
  extends Omit<MessageFilter, 'olderThanMs' | 'enqueuedFrom' | 'enqueuedBefore'> {
  /** A Date, or text such as '2027-01-31T12:00:00Z'. */
  readonly enqueuedFrom?: Date | string;
  /** Exclusive. */
  readonly enqueuedBefore?: Date | string;
  /** Only messages that have been Dead, Done or cancelled for at least this long: milliseconds, or text such as '1h'. */
  readonly olderThanMs?: DurationInput;
}

const selectionNames: NamesOf<MessageSelection> = {
  states: true,
  messageIds: true,
  topic: true,
  orderingKey: true,
  dedupKey: true,
  correlationId: true,
  source: true,
  errorText: true,
  payloadText: true,
  enqueuedFrom: true,
  enqueuedBefore: true,
  olderThanMs: true,
};

const texts = [
  'topic',
  'orderingKey',
  'dedupKey',
  'correlationId',
  'source',
  'errorText',
  'payloadText',
] as const;

/** As long as the longest parameter of a procedure. */
const longestText = 4_000;
/** The most ids of a filter, and the most messages that one call changes. */
export const mostTargets = 1_000;

export function refusal(call: string, problem: string): MultiOutboxError {
  return new MultiOutboxError('INVALID_ARGUMENT', `${call}: ${problem}.`);
}

/** @throws MultiOutboxError INVALID_ARGUMENT: a condition that is not known would select every message */
export function messageFilter(call: string, given: MessageSelection): MessageFilter {
  const selection = withoutUndefined(optionsOf(call, given, selectionNames));
  const { states, messageIds, enqueuedFrom, enqueuedBefore, olderThanMs, ...rest } = selection;
  for (const name of texts) checkText(call, name, rest[name]);
  if (states !== undefined) checkStates(call, states);
  if (messageIds !== undefined) checkIds(call, messageIds);
  return {
    ...rest,
    ...(states !== undefined && { states: [...new Set(states)] }),
    ...(messageIds !== undefined && { messageIds: messageIds.map((id) => id.toLowerCase()) }),
    ...(enqueuedFrom !== undefined && { enqueuedFrom: timeOf(call, 'enqueuedFrom', enqueuedFrom) }),
    ...(enqueuedBefore !== undefined && { enqueuedBefore: timeOf(call, 'enqueuedBefore', enqueuedBefore) }),
    ...(olderThanMs !== undefined && { olderThanMs: durationOf(call, 'olderThanMs', olderThanMs) }),
  };
}

/** Callers in JavaScript pass on what they do not have. */
function withoutUndefined<Given extends object>(given: Given): Given {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Given;
}

function checkText(call: string, name: string, value: unknown): void {
  if (value === undefined) return;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (typeof value !== 'string' || value.length > longestText || /[\u0000-\u0008\u000e-\u001f]/.test(value))
    throw refusal(
      call,
      `'${name}' must be text of at most ${longestText} characters, without control characters`,
    );
  if (value === '' && (name === 'errorText' || name === 'payloadText'))
    throw refusal(call, `'${name}' is empty, and so would select every message; leave it out`);
}

function checkStates(call: string, states: readonly unknown[]): void {
  const isKnown =
    isList(states) &&
    states.length > 0 &&
    [...states].every((state) => messageStates.includes(state as MessageState));
  if (!isKnown) throw refusal(call, `'states' must be a list of ${messageStates.join(', ')}`);
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** A program that inserts rows itself may give ids of another kind, where the engine's column takes them. */
const longestId = 200;

function checkIds(call: string, messageIds: readonly unknown[]): void {
  if (!isList(messageIds) || messageIds.length > mostTargets)
    throw refusal(call, `'messageIds' must be a list of at most ${mostTargets} ids`);
  for (const id of messageIds) checkId(call, id);
}

export function checkId(call: string, messageId: unknown): void {
  if (typeof messageId !== 'string' || messageId === '' || messageId.length > longestId)
    throw refusal(
      call,
      `a message's id must be text of 1 to ${longestId} characters, got ${shownValue(messageId)}`,
    );
}

export function checkOperationId(call: string, id: unknown): void {
  if (typeof id !== 'string' || !uuid.test(id))
    throw refusal(call, `an operation's id must be a UUID, got ${shownValue(id)}`);
}

function timeOf(call: string, name: string, given: Date | string): Date {
  const time = typeof given === 'string' ? new Date(given) : given;
  if (types.isDate(time) && !Number.isNaN(time.getTime())) return time;
  throw refusal(call, `'${name}' must be a time such as 2027-01-31T12:00:00Z, got ${shownValue(given)}`);
}

export function durationOf(call: string, name: string, given: DurationInput): number {
  const ms = parseDuration(given);
  if (ms !== null) return ms;
  throw refusal(call, `${name} must be milliseconds or text such as '1h', got ${shownValue(given)}`);
}

export function placeOf(call: string, { tenantId, queue = 'outbox' }: MessagePlace): Required<MessagePlace> {
  if (typeof tenantId !== 'string')
    throw refusal(call, `a tenant's id must be text, got ${shownValue(tenantId)}`);
  return { tenantId, queue: queueOf(call, queue) };
}

export function queueOf(call: string, queue: QueueName): QueueName {
  if (queueNames.includes(queue)) return queue;
  throw refusal(call, `'queue' must be one of ${queueNames.join(', ')}, got ${shownValue(queue)}`);
}

export function tenantIdsOf(call: string, tenants: readonly string[]): readonly string[] {
  const ids = isList(tenants) ? [...tenants] : null;
  if (ids?.every((id) => typeof id === 'string')) return ids;
  throw refusal(call, "'tenants' must be a list of ids");
}

export function wholeNumberOf(
  call: string,
  name: string,
  given: number,
  least: number,
  most: number,
): number {
  if (Number.isSafeInteger(given) && given >= least && given <= most) return given;
  throw refusal(call, `'${name}' must be a whole number from ${least} to ${most}, got ${shownValue(given)}`);
}

/** A cursor is text that names the walk and the place in it, so that it stays valid when messages come and go. */
export function cursorOf(filter: MessageFilter, { sequence, settledMs }: Position): string {
  return [walkOf(filter), sequence, settledMs ?? ''].join('.');
}

/** @throws MultiOutboxError INVALID_ARGUMENT: it is not a cursor, or belongs to a filter with another order */
export function positionOf(call: string, filter: MessageFilter, cursor: string): Position {
  const [, walk, sequence, settled] =
    /^([a-z-]+)\.(\d{1,16})\.(-?\d{0,15})$/.exec(typeof cursor === 'string' ? cursor : '') ?? [];
  if (!walks.some((known) => known === walk))
    throw refusal(call, `'cursor' is not the cursor of a page, got ${shownValue(cursor)}`);
  if (walk !== walkOf(filter))
    throw refusal(call, "'cursor' belongs to another filter; give the filter with which the page was read");
  return { sequence: Number(sequence), settledMs: settled === '' ? null : Number(settled) };
}

/** What the audit keeps of a selection: that payloads were searched, but not for which text. */
export function withoutPayloadText<T extends object>(filter: T): T {
  return 'payloadText' in filter ? { ...filter, payloadText: true } : filter;
}

const largestId = 2n ** 63n - 1n;

/** The id of an entry, as text: it has 64 bits, more than a number keeps. */
export function auditIdOf(call: string, before: string): string {
  if (typeof before === 'string' && /^\d{1,19}$/.test(before) && BigInt(before) <= largestId) return before;
  throw refusal(call, `'before' must be the id of an entry, got ${shownValue(before)}`);
}
