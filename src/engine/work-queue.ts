/**
 * The work queue as an engine implements it: a table of messages with states (Q1). The outbox and the inbox are
 * two work queues of the same make.
 *
 * Who may do what: every program enqueues, at any time. Only the holder of the queue's lease claims and settles, so an
 * engine need not defend one claimer against another beyond checking the lease; it must keep producers and the holder
 * from blocking each other (Q4).
 *
 * ## Ordering keys (Q10)
 * Messages of one key form an ordering group in Sequence order: Ready and Claimed ones, and Dead ones that hold their
 * key. Only the head of a group may be claimed, together with the due messages right behind it. All others are *blocked*
 * and are kept out of the index that a claim reads, so that a large group costs the others nothing. After outcomes are
 * applied the new head of each group touched is unblocked.
 */
import type { AcquireLease, LeaseRef } from './lease-store.ts';

/** The work queues a tenant database has. */
export const queueNames = ['outbox', 'inbox'] as const;
export type QueueName = (typeof queueNames)[number];

/** The name of the lease that guards a work queue. */
export function queueLeaseName(queue: QueueName): string {
  return `queue:${queue}`;
}

/** States of a message (Q1), as the Status column holds them. */
export const MessageStatus = { Ready: 0, Claimed: 1, Done: 2, Dead: 3 } as const;
export type MessageStatus = (typeof MessageStatus)[keyof typeof MessageStatus];

/** Limits on what a message may hold; the same on every engine. */
export const messageLimits = {
  topicCharacters: 200,
  keyCharacters: 200,
  /** Errors kept with a message are cut to this length (Q14). */
  errorCharacters: 4_000,
} as const;

/**
 * A message to be enqueued. Checked by the caller; an engine may rely on it. Ordering keys, dedup keys and sources are
 * compared exactly: case and blanks count, whatever the database's collation. Sources and hashes have no blank at either
 * end; an engine that cannot tell them apart by one refuses it (INVALID_MESSAGE).
 */
export interface NewMessage {
  /** A UUID. The same id again is a duplicate, like a dedup key. */
  readonly messageId: string;
  readonly topic: string;
  /** Text, kept byte for byte (Q14). */
  readonly payload: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly correlationId?: string;
  readonly orderingKey?: string;
  readonly dedupKey?: string;
  /** Whose dedup key it is: the same key from two sources is two keys. Absent: the application's own. */
  readonly source?: string;
  /** Stands for the content: a dedup key that comes again with another hash is a conflict (I2). */
  readonly hash?: string;
  /** Milliseconds from the database's now until the message is due; 0 when absent (Q2). */
  readonly dueInMs?: number;
}

/**
 * The dedup key as it is stored of a message that is kept as a conflict: its hash makes it a key of its own, so that the
 * same conflict is kept once. The mark between them (U+001F) is in no key that a caller may give.
 */
export function conflictKey(dedupKey: string, hash: string): string {
  return `${dedupKey}\u001f${hash}`;
}

/** The dedup key that a stored one stands for. */
export function dedupKeyOf(stored: string): string {
  const mark = stored.indexOf('\u001f');
  return mark === -1 ? stored : stored.slice(0, mark);
}

export interface EnqueueResult {
  /** The id of the stored message; for a duplicate or a conflict, the id of the first one. */
  readonly messageId: string;
  readonly status: 'enqueued' | 'duplicate' | 'conflict';
}

/** A message as a claim hands it out. */
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
  /** How often it was started, this time included: 1 at the first claim (Q5). */
  readonly attempt: number;
  /** How often in a row it was parked for want of a handler (D4). */
  readonly parks: number;
  /** True when a crashed run had claimed it: it comes in a claim of its own (Q7). */
  readonly recovered: boolean;
}

/** A stored message with all that is known of it, for people to look at. */
export interface MessageRecord extends Omit<ClaimedMessage, 'attempt'> {
  readonly status: MessageStatus;
  readonly attempts: number;
  readonly claimFence: number | null;
  readonly lastError: string | null;
  /** The first error of its life; replay keeps it (Q13). */
  readonly firstError: string | null;
  readonly replayCount: number;
  readonly settledUtc: Date | null;
  /** Waits behind an earlier message of its ordering key. */
  readonly blocked: boolean;
}

/** What became of one claimed message. Delays are milliseconds from the database's now (Q2). */
export type Outcome =
  | { readonly kind: 'done' }
  /** Back to Ready after the delay; the attempt stays counted. */
  | { readonly kind: 'retry'; readonly delayMs: number; readonly error: string }
  /** To Dead. With `unstarted` the attempt of this claim is taken back, since no handler ran (Q7). */
  | { readonly kind: 'dead'; readonly error: string; readonly unstarted?: boolean }
  /** Back to Ready after the delay; the attempt is taken back (Q5). `parked` counts a park (D4). */
  | {
      readonly kind: 'release';
      readonly delayMs: number;
      readonly parked?: boolean;
      readonly error?: string;
    };

export type SettledMessage = Outcome & { readonly sequence: number };

/** How much one claim may take: at least one message if any is due, whatever its size. */
export interface ClaimLimits {
  /** Messages at most. */
  readonly limit: number;
  /** Payload bytes at most, counted as stored. */
  readonly maxBytes: number;
}

/** Done rows older than `doneMs` are removed, at most `limit` of them in one call (Q12). */
export interface Retention {
  readonly doneMs: number;
  readonly limit: number;
}

export interface BeginRequest extends Omit<AcquireLease, 'name'> {
  readonly claim: ClaimLimits;
  readonly retention?: Retention;
}

/** What a claim found, and what is left behind it. */
export interface Claim {
  /** Oldest due first (DueUtc, Sequence); messages of one key in Sequence order (Q4, Q10). */
  readonly messages: ClaimedMessage[];
  /** More messages could be claimed at once, now or as soon as nothing else is in flight (Q7). */
  readonly more: boolean;
  /** Milliseconds until the next Ready message that is not blocked is due: 0 if it is, null if none (Q11). */
  readonly nextDueInMs: number | null;
  /** Done rows removed by this call (Q12). */
  readonly purged: number;
}

/** Another run has the queue's lease; nothing was touched. */
export interface LeasedElsewhere {
  readonly status: 'leased-elsewhere';
  readonly owner: string;
  /** Milliseconds until it runs out, by the database's clock; at least 0. */
  readonly expiresInMs: number;
}

export type BeginResult =
  | LeasedElsewhere
  /** Nothing to claim; the lease is free again. */
  | (Claim & { readonly status: 'idle'; readonly recovered: number })
  | (Claim & {
      readonly status: 'claimed';
      readonly lease: LeaseRef;
      readonly expiresInMs: number;
      /** Messages that a crashed run had claimed and that this call returned to Ready (Q6). */
      readonly recovered: number;
    });

export interface SettleRequest {
  readonly lease: LeaseRef;
  /** Milliseconds: the lease is renewed to now + this, unless it is released. */
  readonly leaseMs: number;
  readonly outcomes: readonly SettledMessage[];
  /**
   * What a message that goes to Dead does to its ordering key: `block` holds the key until the message is
   * replayed or discarded, `continue` lets the key go on (Q10).
   */
  readonly onDead: 'block' | 'continue';
  /**
   * What follows in the same round trip (Q8):
   * - `claim` the next batch. `solo` says that nothing else of this run is in flight after these outcomes, so
   *   that a recovered message may be handed out alone (Q7), and that the lease is to be released when there is
   *   nothing to claim.
   * - `renew-lease` renews only.
   * - `release-lease` ends the run. A `release` among the outcomes is a message's.
   */
  readonly then:
    | ({ readonly do: 'claim'; readonly solo: boolean } & ClaimLimits)
    | { readonly do: 'renew-lease' | 'release-lease' };
  readonly retention?: Retention;
}

export interface SettleResult extends Claim {
  /** `lost`: another run has it, since owner or fence no longer match; nothing was claimed or renewed. */
  readonly lease: 'renewed' | 'released' | 'lost';
  /** Milliseconds until the lease runs out; 0 unless `renewed`. */
  readonly expiresInMs: number;
  /** Sequences whose outcome was not applied, because no row of this run matched (Q8): the run reports them as lost. */
  readonly unmatched: number[];
}

export interface TransactRequest {
  readonly lease: LeaseRef;
  /** The claimed message that is settled as Done. */
  readonly sequence: number;
  /** When it fires before the commit has begun, all is rolled back. */
  readonly signal: AbortSignal;
}

/** Counts of a work queue, at one moment. Reads the table: for people who ask, never for a plan (F6). */
export interface QueueStatistics {
  readonly ready: number;
  /** Of the ready ones: due now and not blocked. */
  readonly due: number;
  /** Of the ready ones: blocked behind an earlier message of their ordering key. */
  readonly blocked: number;
  /** Of the ready ones: parked for want of a handler. */
  readonly parked: number;
  readonly claimed: number;
  readonly done: number;
  readonly dead: number;
  /** Milliseconds since the oldest due message became due; null if none is. */
  readonly oldestDueAgeMs: number | null;
  readonly nextDueInMs: number | null;
}

/** Which Dead messages are meant: all that match every condition given. */
export interface DeadFilter {
  readonly messageIds?: readonly string[];
  /** Compared case-insensitively. */
  readonly topic?: string;
  /** Dead for at least this long. */
  readonly olderThanMs?: number;
}

/** One work queue of one tenant database. */
export interface WorkQueue {
  readonly name: QueueName;

  /**
   * Stores messages in one round trip (Q3), all or none. With `transaction` (what that is, is the engine's: an
   * open connection or transaction object of its driver) they become part of it, and this call neither commits
   * nor rolls back; without, they are committed when the promise resolves. Results stand in the order given.
   * A dedup key or message id seen before, in the table or earlier in the same call, is a no-op. Where both messages
   * have a hash and these differ it is a conflict: the message is kept as Dead, once for each hash, outside its ordering group.
   * A null transaction is none.
   * @throws MultiOutboxError TRANSACTION_NOT_OPEN, WRONG_DATABASE, SCHEMA_MISSING or a DATABASE_ code
   */
  enqueue(messages: readonly NewMessage[], transaction?: unknown): Promise<EnqueueResult[]>;

  /**
   * Resolves when a transaction that `enqueue` has joined has ended: to false if it was rolled back, to true if it was
   * committed or cannot be told. Called right after `enqueue`, with the id of a message that it has stored. The same
   * promise for all of one transaction, as long as that is open. Keeps no process alive.
   */
  committed(transaction: unknown, messageId: string): Promise<boolean>;

  /**
   * One round trip (Q9): acquires the queue's lease; returns all rows claimed under older fences to Ready, marked
   * recovered (Q6, Q7); removes what retention allows; claims. Finding nothing it releases the lease. An engine may
   * answer an idle call from a read, without taking the lease at all.
   */
  begin(request: BeginRequest): Promise<BeginResult>;

  /**
   * One round trip (Q8): applies the outcomes to rows matched on Sequence, ClaimFence and Claimed; then renews
   * the lease and claims, renews only, or releases the lease. Outcomes are tried even when the lease is lost.
   */
  settle(request: SettleRequest): Promise<SettleResult>;

  /**
   * Runs `work` in a transaction of its own and settles one message as Done in it, matched as `settle` does: both are
   * committed, or neither is (T1). `work` gets what `enqueue` takes for a transaction, and leaves its end to this call.
   * The other calls of this queue go on meanwhile; where the database has one writer they wait, and then come first. There
   * it is rolled back (ABORTED) shortly before the lease runs out, which nobody can renew meanwhile.
   * Rejects, all rolled back, with what `work` threw, or with the signal's reason as soon as that fires.
   * @throws MultiOutboxError LEASE_LOST when the message is not ours any more, TRANSACTION_NOT_OPEN or a DATABASE_ code
   */
  transact<T>(request: TransactRequest, work: (transaction: unknown) => Promise<T>): Promise<T>;

  statistics(): Promise<QueueStatistics>;
  get(messageId: string): Promise<MessageRecord | null>;

  /** Dead messages, the oldest death first. `after` pages on: the last record's sequence. */
  listDead(filter: DeadFilter, page: { limit: number; after?: number }): Promise<MessageRecord[]>;
  countDead(filter: DeadFilter): Promise<number>;
  /** Back to Ready, due now, attempts reset, history kept (Q13). At most `limit` a call; returns how many. */
  replayDead(filter: DeadFilter, limit: number): Promise<number>;
  /** Removes Dead messages; a key they held goes on. At most `limit` a call; returns how many. */
  discardDead(filter: DeadFilter, limit: number): Promise<number>;
}
