/** A message (Q1): its fields, states and limits, and the outcomes of a claimed one. */

/** States of a message (Q1): the values of the Status column. */
export const MessageStatus = { Ready: 0, Claimed: 1, Done: 2, Dead: 3 } as const;
export type MessageStatus = (typeof MessageStatus)[keyof typeof MessageStatus];

/** The limits of a message's fields; the same on every engine. */
export const messageLimits = {
  topicCharacters: 200,
  keyCharacters: 200,
  /** Errors stored with a message are cut to this length (Q14). */
  errorCharacters: 4_000,
  /**
   * The most bytes of a payload and its headers together, in the form in which the database stores them. A row with
   * more cannot be read (Q15).
   */
  contentBytes: 67_108_864,
} as const;

/**
 * A message to enqueue, already checked by the caller. Ordering keys, dedup keys and sources are compared exactly:
 * case and blanks count, whatever the database's collation. Topics, sources and hashes must not begin or end with a
 * blank, because a database may ignore it in comparisons: every engine refuses such a value (INVALID_MESSAGE).
 */
export interface NewMessage {
  /** A UUID. A message with the id of a stored one is a duplicate, as with a dedup key. */
  readonly messageId: string;
  readonly topic: string;
  /** Text, kept byte for byte (Q14). */
  readonly payload: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly correlationId?: string;
  readonly orderingKey?: string;
  readonly dedupKey?: string;
  /**
   * The source of the dedup key: the same key from two sources counts as two keys. Absent for the application's own
   * keys.
   */
  readonly source?: string;
  /** Identifies the content: a message with a known dedup key and another hash is a conflict (I2). */
  readonly hash?: string;
  /** Milliseconds from the database's now until the message is due; default 0 (Q2). */
  readonly dueInMs?: number;
}

/**
 * The stored dedup key of a message that is kept as a conflict. The hash makes it a key of its own, so that the same
 * conflict is kept once. A caller's key cannot contain the separator (U+001F).
 */
export function conflictKey(dedupKey: string, hash: string): string {
  return `${dedupKey}\u001f${hash}`;
}

/** Returns the caller's dedup key, which a stored dedup key contains. */
export function dedupKeyOf(stored: string): string {
  const mark = stored.indexOf('\u001f');
  return mark === -1 ? stored : stored.slice(0, mark);
}

export interface EnqueueResult {
  /** The id of the stored message; for a duplicate or a conflict, the id of the first one. */
  readonly messageId: string;
  readonly status: 'enqueued' | 'duplicate' | 'conflict';
}

/** A message, as a claim returns it. */
export interface ClaimedMessage {
  readonly sequence: number;
  readonly messageId: string;
  readonly topic: string;
  readonly payload: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly correlationId: string | null;
  readonly orderingKey: string | null;
  readonly source: string | null;
  readonly dedupKey: string | null;
  readonly enqueuedUtc: Date;
  readonly dueUtc: Date;
  /** The attempt's number: 1 at the first claim (Q5). */
  readonly attempt: number;
  /** How many times in a row it was parked because it had no handler (D4). */
  readonly parks: number;
  /** True when a crashed run had claimed it; such a message is claimed solo (Q7). */
  readonly recovered: boolean;
  /**
   * Why the row cannot be read, without its content; absent when it can (Q15). Fields that cannot be read are then
   * empty, null or the beginning of 1970, and no handler may get the message.
   */
  readonly unreadable?: string | undefined;
}

/** A stored message with all its columns, for people to read. */
export interface MessageRecord extends Omit<ClaimedMessage, 'attempt'> {
  readonly status: MessageStatus;
  readonly attempts: number;
  readonly claimFence: number | null;
  readonly lastError: string | null;
  /** The message's first error; replay keeps it (Q13). */
  readonly firstError: string | null;
  readonly replayCount: number;
  readonly settledUtc: Date | null;
  /** Why an operator ended the message; null for every other message. */
  readonly endReason: string | null;
  /** Blocked: the message waits behind an earlier one of its ordering group. */
  readonly blocked: boolean;
}

/** The outcome of one claimed message. Delays are milliseconds from the database's now (Q2). */
export type Outcome =
  | { readonly kind: 'done' }
  /** The message is Ready again, due after the delay; the attempt counts. */
  | { readonly kind: 'retry'; readonly delayMs: number; readonly error: string }
  /** The message goes to Dead. With `unstarted` this claim's attempt does not count, because no handler ran (Q7). */
  | { readonly kind: 'dead'; readonly error: string; readonly unstarted?: boolean }
  /** The message is Ready again, due after the delay; the attempt does not count (Q5). `parked` counts a park (D4). */
  | {
      readonly kind: 'release';
      readonly delayMs: number;
      readonly parked?: boolean;
      readonly error?: string;
    };

/** The message's id is compared too: a restored database gives the same sequence to another message (Q8). */
export type SettledMessage = Outcome & Pick<ClaimedMessage, 'sequence' | 'messageId'>;
