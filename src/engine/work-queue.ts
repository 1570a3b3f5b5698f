/**
 * The work queue that an engine implements: a table of messages with states (Q1). The outbox and the inbox
 * are two work queues of the same kind.
 *
 * Every process may enqueue at any time. Only the holder of the queue's lease claims and settles, so an
 * engine need only check the lease to keep claimers apart. It must keep producers and the holder from
 * blocking each other (Q4).
 *
 * Ordering keys (Q10): the messages of one key form an ordering group in Sequence order. Its members are
 * Ready and Claimed messages, and Dead ones that block their group. Only the group's head may be claimed,
 * together with the due messages right behind it. All others are *blocked* (column Blocked) and are not in
 * the index that a claim reads, so that a long group does not slow the others down. After outcomes are
 * applied, the engine unblocks the new head of each group concerned.
 *
 * Concurrency limits (Q4): a due message for which its topic has no room is *throttled*. Throttled messages are in an
 * index of their own, by topic, so that many of them do not slow a claim down either. A claim that has room for their
 * topic takes them back first.
 */
import type { SqlValue, TransactionMark } from './callers-transaction.ts';
import type { AcquireLease, LeasedElsewhere, LeaseRef } from './lease-store.ts';
import type { ClaimedMessage, EnqueueResult, MessageRecord, NewMessage, SettledMessage } from './message.ts';
import type {
  Counted,
  FindPart,
  Found,
  MessageAct,
  MessageFilter,
  MessageTarget,
  Replacement,
  SearchPart,
} from './message-search.ts';

/** The work queues of a tenant database. */
export const queueNames = ['outbox', 'inbox'] as const;
export type QueueName = (typeof queueNames)[number];

/** The name of the lease that guards a work queue. */
export function queueLeaseName(queue: QueueName): string {
  return `queue:${queue}`;
}

/** The limits of one claim. If any message may be claimed, it takes at least one, whatever its size. */
export interface ClaimLimits {
  /** The most messages. */
  readonly limit: number;
  /** The most bytes of payloads and headers, as stored. */
  readonly maxBytes: number;
  /** Topics of which the claim may take only a few messages; other topics have no limit. Default: none. */
  readonly rooms?: readonly TopicRoom[];
}

/** The messages of one handler: those of a topic, of one source or of all sources. */
export interface HandledTopic {
  /** Compared case-insensitively. */
  readonly topic: string;
  /** Compared exactly. Absent: the messages of each source for which the list has no entry of its own. */
  readonly source?: string;
}

/** How many more messages of one handler may be claimed. A whole number, at least 0. */
export interface TopicRoom extends HandledTopic {
  readonly room: number;
}

/** Each call removes Done rows older than `doneMs`, at most `limit` of them (Q12). */
export interface Retention {
  readonly doneMs: number;
  readonly limit: number;
}

export interface BeginRequest extends Omit<AcquireLease, 'name'> {
  readonly claim: ClaimLimits;
  readonly retention?: Retention;
  /** The topics that this host handles: their parked messages become due now (D4). Default: none. */
  readonly handled?: readonly HandledTopic[];
}

/** The parked messages that a call to `begin` met (D4). */
export interface Parked {
  /** The topics of parked messages that the request does not handle, at most 20 of them. */
  readonly topics: readonly string[];
  /** Whether parked messages of handled topics are left, because one call makes a limited number of them due. */
  readonly more: boolean;
}

/** The messages of a claim, and what is left after it. */
export interface Claim {
  /** The oldest due first (DueUtc, Sequence); messages of one key in Sequence order (Q4, Q10). */
  readonly messages: ClaimedMessage[];
  /**
   * Whether more messages can be claimed at once, now or when no other message is in flight (Q7). Throttled messages do
   * not count, unless the call released the lease. After a full batch it may also be true, and `nextDueInMs` 0, because of due
   * messages with ordering keys that the next claim finds to be blocked.
   */
  readonly more: boolean;
  /** Whether due messages are throttled: they can be claimed when their topic has room again. */
  readonly throttled: boolean;
  /** Whether the next message is a recovered one, so that only a solo claim returns it (Q7). */
  readonly onlySolo: boolean;
  /** Milliseconds until the next unblocked Ready message is due: 0 if it is due now, null if there is none (Q11). */
  readonly nextDueInMs: number | null;
  /** How many Done rows this call removed (Q12). */
  readonly purged: number;
  /** The database's time by which the call decided which messages are due (Q2). */
  readonly nowUtc: Date;
  /** What is stored after the call. Present when the call ended the run: it found nothing to claim, or released the lease. */
  readonly stored?: StoredCounts;
  /** Why there is no `stored` although the call ended the run. The call has done all else. */
  readonly countError?: unknown;
}

export const countNames = ['ready', 'due', 'blocked', 'dead', 'parked'] as const;
export type CountName = (typeof countNames)[number];

/**
 * How many messages a run leaves in its queue, at the end of its last call (S2). Counting ends at a limit, so a number that
 * `atLeast` names stands for as many or more.
 */
export interface StoredCounts {
  /** Ready messages, the blocked ones included. */
  readonly ready: number;
  /** Ready messages that are due now and not blocked. */
  readonly due: number;
  /** Ready messages that are blocked by an earlier one of their ordering group. */
  readonly blocked: number;
  readonly dead: number;
  /** Ready messages that wait for a handler, by topic: at most 20 topics, those with the most messages. */
  readonly parked: readonly { readonly topic: string; readonly count: number }[];
  readonly atLeast: readonly CountName[];
  /** Whether no message is left that could be tried again or replayed; false also if the engine cannot know it. */
  readonly isEmpty: boolean;
  /** Milliseconds since the oldest due message became due; null if none is due. */
  readonly oldestDueAgeMs: number | null;
}

export type BeginResult =
  /** Another run has the queue's lease; the call changed nothing. */
  | LeasedElsewhere
  /** There is no message to claim; the lease is free again. */
  | (Claim & { readonly status: 'idle'; readonly recovered: number; readonly parked: Parked })
  | (Claim & {
      readonly status: 'claimed';
      readonly parked: Parked;
      readonly lease: LeaseRef;
      readonly expiresInMs: number;
      /** How many messages of a crashed run this call returned to Ready (Q6). */
      readonly recovered: number;
    });

export interface SettleRequest {
  readonly lease: LeaseRef;
  /** Milliseconds. The call renews the lease to now plus this duration, unless it releases the lease. */
  readonly leaseMs: number;
  readonly outcomes: readonly SettledMessage[];
  /**
   * How a message that goes to Dead affects its ordering group: `block` blocks the group until the message is
   * replayed or discarded, `continue` does not (Q10).
   */
  readonly onDead: 'block' | 'continue';
  /**
   * The step after the outcomes, in the same round trip (Q8):
   * - `claim` claims the next batch. With `solo` no other message of this run is in flight after these outcomes, so
   *   the claim may return a recovered message by itself (Q7), and it releases the lease when it finds no message.
   *   `together`: how many messages that were recovered after their first start it may return together (default 1).
   * - `renew-lease` renews the lease and claims nothing.
   * - `release-lease` ends the run. (A `release` among the outcomes concerns a message.)
   */
  readonly then:
    | ({ readonly do: 'claim'; readonly solo: boolean; readonly together?: number } & ClaimLimits)
    | { readonly do: 'renew-lease' | 'release-lease' };
  readonly retention?: Retention;
}

export interface SettleResult extends Claim {
  /**
   * `lost`: another run has the lease, or the database was restored, because owner, fence or acquisition id no longer
   * match; the call claimed and renewed nothing.
   */
  readonly lease: 'renewed' | 'released' | 'lost';
  /** Milliseconds until the lease runs out; 0 unless `renewed`. */
  readonly expiresInMs: number;
  /** Sequences whose outcome was not applied because no row of this run matched (Q8); the run reports them as lost. */
  readonly unmatched: number[];
}

/** Names the claimed message to settle as Done. */
export interface TransactRequest extends Pick<ClaimedMessage, 'sequence' | 'messageId'> {
  readonly lease: LeaseRef;
  /** When it fires before the commit begins, the transaction is rolled back. */
  readonly signal: AbortSignal;
}

/**
 * The counts of a work queue at one moment. They are read from the table, so they are for people, never for a plan
 * (F6).
 */
export interface QueueStatistics {
  readonly ready: number;
  /** Ready messages that are due now and not blocked. */
  readonly due: number;
  /** Ready messages that are blocked by an earlier one of their ordering group. */
  readonly blocked: number;
  /** Ready messages that are parked because they have no handler. */
  readonly parked: number;
  readonly claimed: number;
  readonly done: number;
  readonly dead: number;
  /** Milliseconds since the oldest due message became due; null if none is due. */
  readonly oldestDueAgeMs: number | null;
  readonly nextDueInMs: number | null;
}

/** A statement that stores one message, for a transaction that the caller runs it in. */
export interface EnqueueStatement {
  readonly sql: string;
  /** In the order of the placeholders. */
  readonly parameters: readonly SqlValue[];
  /** The message's id. A message whose id or dedup key is stored already is a duplicate, and is not stored again. */
  readonly messageId: string;
}

/** One work queue of one tenant database. */
export interface WorkQueue {
  readonly name: QueueName;

  /**
   * Stores messages in one round trip (Q3), all or none. `transaction` is the caller's open transaction: of the engine's
   * driver, of a library that callers-drivers.ts knows, or an `SqlTransaction`. The messages are stored in it, and this
   * call neither commits nor rolls back. Through a driver with one writer it may take several statements. Without it, or
   * with null, the messages are committed when the promise resolves. The results have the order of the input. A
   * message whose dedup key or id was seen before, in the table or earlier in the same call, is not stored. If both
   * messages have a hash and the hashes differ, that is a conflict: the new message is inserted as Dead, once for
   * each hash, outside its ordering group. `mark` is of the moment when the caller gave the transaction.
   * @throws MultiOutboxError TRANSACTION_NOT_OPEN, WRONG_DATABASE, SCHEMA_MISSING or a DATABASE_ code
   */
  enqueue(
    messages: readonly NewMessage[],
    transaction?: unknown,
    mark?: TransactionMark,
  ): Promise<EnqueueResult[]>;

  /** One statement that stores a message in the transaction in which the caller runs it. Nothing is sent. */
  enqueueStatement(message: NewMessage, placeholder?: (nth: number) => string): EnqueueStatement;

  /**
   * Resolves when a transaction that `enqueue` joined has ended: to false if it was rolled back, to true if it was
   * committed or the engine cannot know. Call it right after `enqueue`, with the id of a message that `enqueue`
   * stored. While a transaction of the engine's own driver is open, every call for it returns the same promise. It does
   * not keep the process alive. Rejects when the engine cannot find out, and will not be able to: with LOGIN_REFUSED if
   * the right to look is missing, SCHEMA_ or DATABASE_ codes.
   */
  committed(transaction: unknown, messageId: string): Promise<boolean>;

  /**
   * One round trip (Q9): acquires the queue's lease; returns all rows claimed under older fences to Ready, marked
   * recovered (Q6, Q7); makes parked messages of handled topics due (D4); removes the Done rows that retention no longer
   * keeps; claims. When it finds no message it
   * releases the lease. An engine may answer an idle call from a read, without taking the lease.
   */
  begin(request: BeginRequest): Promise<BeginResult>;

  /**
   * One round trip (Q8): applies the outcomes to rows matched on Sequence, MessageId, ClaimFence and Claimed, if the
   * lease's last acquisition is the caller's. Then it does one of three things: it renews the lease and claims, only
   * renews it, or releases it. It also applies the outcomes when the lease was released or has run out, and no run has
   * taken it since.
   */
  settle(request: SettleRequest): Promise<SettleResult>;

  /**
   * Runs `work` in a transaction of its own and settles one message as Done in it, matched as in `settle`: both are
   * committed, or neither is (T1). `work` gets the transaction in the form that `enqueue` takes; it must not end the
   * transaction. Other calls of this queue continue meanwhile. In a database with one writer they wait for this
   * transaction, and they come before the next one. Such a database also rolls the transaction back (ABORTED) shortly
   * before the lease runs out, because no call can renew the lease while the transaction is open. When `work` throws,
   * or as soon as the signal fires, the transaction is rolled back and the call rejects with that error or the signal's
   * reason.
   * @throws MultiOutboxError LEASE_LOST when a newer run has the message, TRANSACTION_NOT_OPEN or a DATABASE_ code
   */
  transact<T>(request: TransactRequest, work: (transaction: unknown) => Promise<T>): Promise<T>;

  statistics(): Promise<QueueStatistics>;
  /** Null when the message does not exist, or its producer has not committed it; waits for all other transactions. */
  get(messageId: string): Promise<MessageRecord | null>;

  /**
   * Finds messages, in the order of the filter's walk, without payloads. Messages that another transaction is changing
   * may be left out, unless it `waits`. It returns at most `limit`; fewer do not mean that the walk has ended.
   */
  find(filter: MessageFilter, part: FindPart): Promise<Found>;
  /** Counts the matching messages among those that it examines, as `find` finds them. */
  count(filter: MessageFilter, part: SearchPart): Promise<Counted>;
  /**
   * Changes those of these messages that are in a state for the act (`actStates`) and have the version given, in one
   * transaction, and unblocks their ordering groups. Returns the ids of the messages that it changed. At most 1,000 a call.
   */
  act(act: MessageAct, targets: readonly MessageTarget[]): Promise<string[]>;
  /** False when the message is gone, is in another state or has another version; then nothing is changed. */
  replace(replacement: Replacement): Promise<boolean>;
}
