/** Finding messages and acting on them, for people: what every engine takes and returns. */
import type { MessageRecord } from './message.ts';

/** A message's state as people see it. A cancelled message is stored as Done, with the reason why it ended. */
export const messageStates = ['ready', 'claimed', 'done', 'dead', 'cancelled'] as const;
export type MessageState = (typeof messageStates)[number];

export function stateOf({ status, endReason }: Pick<MessageRecord, 'status' | 'endReason'>): MessageState {
  return endReason === null ? messageStates[status]! : 'cancelled';
}

/** Selects the messages that match every given condition. */
export interface MessageFilter {
  /** Default: every state. */
  readonly states?: readonly MessageState[];
  readonly messageIds?: readonly string[];
  /** Compared case-insensitively. */
  readonly topic?: string;
  readonly orderingKey?: string;
  readonly dedupKey?: string;
  readonly correlationId?: string;
  readonly source?: string;
  /** A part of the last error; compared case-insensitively. */
  readonly errorText?: string;
  /** A part of the payload; compared exactly. The search reads the payload of every message that it examines. */
  readonly payloadText?: string;
  readonly enqueuedFrom?: Date;
  /** Exclusive. */
  readonly enqueuedBefore?: Date;
  /** Only messages that have been Dead, Done or cancelled for at least this many milliseconds. */
  readonly olderThanMs?: number;
}

/** Bits of `MessageFilter.states` in a parameter. */
export function stateBits(states: readonly MessageState[] = messageStates): number {
  return states.reduce((bits, state) => bits | (1 << messageStates.indexOf(state)), 0);
}

/**
 * The index that a search follows, and with it the order of the messages. `dead`: the one that died first comes first.
 * `done`: the one that ended last comes first. `group`, `ids`, `dedup-key`: by Sequence. `claimed`, `all`: the latest
 * Sequence first.
 */
export const walks = ['ids', 'dedup-key', 'dead', 'done', 'claimed', 'group', 'all'] as const;
export type Walk = (typeof walks)[number];

/** Every message that matches is in the walk's index. `all` is the table, so there a limit on examined rows matters. */
export function walkOf({ states, messageIds, dedupKey, orderingKey }: MessageFilter): Walk {
  const within = (...allowed: MessageState[]) => states?.every((state) => allowed.includes(state)) === true;
  if (messageIds !== undefined) return 'ids';
  if (dedupKey !== undefined) return 'dedup-key';
  if (orderingKey !== undefined && within('ready', 'claimed')) return 'group';
  if (within('dead')) return 'dead';
  if (within('done', 'cancelled')) return 'done';
  return within('claimed') ? 'claimed' : 'all';
}

/** A place in a walk: that of the message examined last. */
export interface Position {
  readonly sequence: number;
  /** Milliseconds since 1970; null where the walk is by Sequence. */
  readonly settledMs: number | null;
}

export interface SearchPart {
  /** The call examines at most this many messages of the walk. */
  readonly examine: number;
  /**
   * A search for `payloadText` ends its part at the message with which the contents that it examines have this many bytes.
   * Default: no limit.
   */
  readonly examineBytes?: number;
  /** Continues behind this place. */
  readonly after?: Position;
  /**
   * Whether the search waits for the calls of runs and operators that are changing messages, so that it leaves out only
   * messages that producers have not committed. The wait has a limit, after which the search fails with DATABASE_LOCKED.
   * Default: false.
   */
  readonly waits?: boolean;
}

export interface FindPart extends SearchPart {
  /** The most messages that are returned. */
  readonly limit: number;
}

interface PartResult {
  /** The place from which to continue; null when the walk has ended. */
  readonly next: Position | null;
  /** The most messages that the call has examined. */
  readonly examined: number;
}

/** A message without its payload and headers. */
export interface FoundMessage extends Omit<MessageRecord, 'payload' | 'headers'> {
  /** The size of payload and headers, as stored. */
  readonly contentBytes: number;
  /** Changes whenever the message's state, attempts, replays or due time change. */
  readonly version: string;
}

export interface Found extends PartResult {
  readonly messages: FoundMessage[];
}

export interface Counted extends PartResult {
  readonly count: number;
}

export interface MessageTarget {
  readonly messageId: string;
  /** Finds a message whose id cannot be read, and is '' therefore (Q15). */
  readonly sequence?: number;
  /** When given, the message is changed only if this is still its version. */
  readonly version?: string;
}

/** The acts, with the states of the messages that each changes. */
export const actStates = {
  /** Ready and due now, with attempts reset and history kept (Q13). */
  replay: ['dead'],
  /** Deleted. */
  discard: ['dead'],
  /** Ended without being run; the row stays for the retention period, with the reason. */
  cancel: ['ready', 'dead'],
  /** Due after the delay. */
  reschedule: ['ready'],
} as const satisfies Record<string, readonly MessageState[]>;
export type ActName = keyof typeof actStates;

/** Delays are milliseconds from the database's now (Q2). */
export type MessageAct =
  | { readonly do: 'replay' | 'discard' }
  | { readonly do: 'cancel'; readonly reason: string }
  | { readonly do: 'reschedule'; readonly delayMs: number };

/** The most characters of the reason why an operator ended a message. */
export const reasonCharacters = 400;

/**
 * Replaces a message that is Ready or Dead. The new message has a new id and takes the old one's place: its Sequence,
 * topic, keys and source. The old one is kept as cancelled, under its own id.
 */
export interface Replacement {
  readonly target: MessageTarget;
  readonly messageId: string;
  readonly payload: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly delayMs: number;
  /** Stored with the old message. */
  readonly reason: string;
}
