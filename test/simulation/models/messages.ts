/** What a model knows about one message of a work queue. */
import type { NewMessage } from '../../../src/engine/message.ts';

export type MessageState = 'ready' | 'claimed' | 'done' | 'dead' | 'gone';

export interface MessageModel {
  readonly messageId: string;
  readonly topic: string;
  readonly sequence: number;
  readonly orderingKey: string | null;
  /** The dedup key with its source; null without one. */
  readonly dedup: string | null;
  /** Its handler kills the process, as long as things go wrong. */
  readonly isDeadly: boolean;
  /** How often it was stored: a replay and a restore make it begin anew. */
  lives: number;
  state: MessageState;
  attempts: number;
  /** Attempts that it lost because another message of its queue killed the process. */
  lostToOthers: number;
  recovered: boolean;
  /** The acquisition of the lease that has claimed it. */
  claim: string | null;
  /** Its run never got the answer of the claim, so it does not know that it has the message. */
  isUnknown: boolean;
  /** It must not be claimed sooner than this long after then. */
  notBefore: Delay | null;
  /** It was settled in its handler's own transaction. */
  inTransaction: boolean;
  replayedAt: number | null;
  /** When it was stored with a wake, in milliseconds of the history; null without a wake, and once it has started. */
  wokenAt: number | null;
}

export interface Delay {
  readonly ms: number;
  /** Milliseconds of the history. */
  readonly since: number;
  /** The steps forward of the database's clock until then, in milliseconds. */
  readonly forwardMs: number;
}

/** The payload of a message whose handler kills the process. */
export const deadlyPayload = 'deadly';

export function isDeadly(payload: string): boolean {
  return payload === deadlyPayload;
}

/** The payload of a message whose handler fails each time. */
export const failingPayload = 'failing';

export function isFailing(payload: string): boolean {
  return payload === failingPayload;
}

/** A message in a transaction. */
export interface InsertedMessage {
  readonly message: NewMessage;
  readonly notBefore: Delay | null;
}

/** A message that a committed transaction has stored. */
export function storedMessage(
  { messageId, topic, orderingKey, dedupKey, source = '', payload }: NewMessage,
  sequence: number,
  { notBefore, wokenAt }: Pick<MessageModel, 'notBefore' | 'wokenAt'>,
): MessageModel {
  return {
    messageId,
    sequence,
    topic,
    orderingKey: orderingKey ?? null,
    dedup: dedupKey === undefined ? null : `${source} ${dedupKey}`,
    isDeadly: isDeadly(payload),
    lives: 1,
    state: 'ready',
    attempts: 0,
    lostToOthers: 0,
    recovered: false,
    claim: null,
    isUnknown: false,
    notBefore,
    inTransaction: false,
    replayedAt: null,
    wokenAt,
  };
}

/**
 * An earlier message of the same dedup key that is still there: not discarded, and not Done for longer than the retention
 * (Q3).
 */
export function firstOf(
  { dedup }: MessageModel,
  messages: Iterable<MessageModel>,
  mayPurge: boolean,
): MessageModel | undefined {
  if (dedup === null) return undefined;
  return [...messages].find(
    (earlier) =>
      earlier.dedup === dedup && earlier.state !== 'gone' && !(earlier.state === 'done' && mayPurge),
  );
}

/** Those of these messages that are Dead. */
export function deadOf(
  messages: Iterable<MessageModel>,
  targets: readonly { readonly messageId: string }[],
): MessageModel[] {
  const ids = new Set(targets.map(({ messageId }) => messageId));
  return [...messages].filter((message) => message.state === 'dead' && ids.has(message.messageId));
}
