import type { MessageRecord } from '../engine/message.ts';
import type { DeadFilter, QueueStatistics, WorkQueue } from '../engine/work-queue.ts';
import { MultiOutboxError, shownValue } from '../errors.ts';
import { type NamesOf, optionsOf } from '../options.ts';
import { type DurationInput, parseDuration } from '../settings.ts';

/** The part that outbox and inbox share: reading stored messages, and dead letters. */
export interface StoredMessages {
  readonly tenantId: string;
  get(messageId: string): Promise<MessageRecord | null>;
  statistics(): Promise<QueueStatistics>;
  readonly dead: DeadLetters;
}

/** Selects the Dead messages that match every given condition. */
export interface DeadSelection extends Omit<DeadFilter, 'olderThanMs'> {
  /** Only messages that have been Dead for at least this long: milliseconds, or text such as '1h'. */
  readonly olderThanMs?: DurationInput;
}

/** Dead messages of one work queue. */
export interface DeadLetters {
  list(filter?: DeadSelection, page?: { limit?: number; after?: number }): Promise<MessageRecord[]>;
  count(filter?: DeadSelection): Promise<number>;
  /**
   * Puts Dead messages back to Ready with attempts reset and history kept, and wakes the tenant. Returns how many
   * (Q13).
   */
  replay(filter?: DeadSelection): Promise<number>;
  /** Deletes Dead messages. Returns how many. */
  discard(filter?: DeadSelection): Promise<number>;
}

/** Access to a work queue: `use` keeps the tenant's database open for as long as the action takes. */
export interface QueueAccess {
  use<T>(action: (queue: WorkQueue) => Promise<T>): Promise<T>;
  /** Makes the tenant due now. If the registry does not answer, the wake is repeated later. Never throws (F7). */
  wake(): Promise<void>;
  /** As `wake`, in the background, once `committed` has resolved to true. */
  wakeAfter(committed: Promise<boolean>): void;
}

/** The most rows that one call of a bulk action touches: below SQL Server's lock escalation threshold. */
const bulkLimit = 1_000;

export function storedMessages(tenantId: string, access: QueueAccess): StoredMessages {
  async function repeat(action: (queue: WorkQueue) => Promise<number>): Promise<number> {
    let total = 0;
    for (;;) {
      const count = await access.use(action);
      total += count;
      if (count < bulkLimit) return total;
    }
  }

  return {
    tenantId,
    get: (messageId) => access.use((queue) => queue.get(messageId)),
    statistics: () => access.use((queue) => queue.statistics()),
    dead: {
      async list(filter = {}, page = {}) {
        const checked = deadFilter('dead.list', filter);
        const { limit = 100, after } = optionsOf('dead.list', page, { limit: true, after: true });
        return access.use((queue) =>
          queue.listDead(checked, { limit, ...(after !== undefined && { after }) }),
        );
      },
      async count(filter = {}) {
        const checked = deadFilter('dead.count', filter);
        return access.use((queue) => queue.countDead(checked));
      },
      async replay(filter = {}) {
        const checked = deadFilter('dead.replay', filter);
        const replayed = await repeat((queue) => queue.replayDead(checked, bulkLimit));
        if (replayed > 0) await access.wake();
        return replayed;
      },
      async discard(filter = {}) {
        const checked = deadFilter('dead.discard', filter);
        const discarded = await repeat((queue) => queue.discardDead(checked, bulkLimit));
        // Discarding a message unblocks the messages behind it in its ordering group.
        if (discarded > 0) await access.wake();
        return discarded;
      },
    },
  };
}

const filterNames: NamesOf<DeadSelection> = { messageIds: true, topic: true, olderThanMs: true };

/** @throws MultiOutboxError INVALID_ARGUMENT: a condition that is not known would select every message */
function deadFilter(call: string, selection: DeadSelection): DeadFilter {
  const { olderThanMs: given, ...rest } = optionsOf(call, selection, filterNames);
  if (given === undefined) return rest;
  const olderThanMs = parseDuration(given);
  if (olderThanMs !== null) return { ...rest, olderThanMs };
  throw new MultiOutboxError(
    'INVALID_ARGUMENT',
    `${call}: olderThanMs must be milliseconds or text such as '1h', got ${shownValue(given)}.`,
  );
}
