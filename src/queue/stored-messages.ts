import type { MessageRecord } from '../engine/message.ts';
import type { QueueStatistics, WorkQueue } from '../engine/work-queue.ts';
import { MultiOutboxError, shownValue } from '../errors.ts';

/** The part that outbox and inbox share: reading stored messages. */
export interface StoredMessages {
  readonly tenantId: string;
  /** One message by its id; null when none has it. @throws INVALID_ARGUMENT, UNKNOWN_TENANT, or the database's error */
  get(messageId: string): Promise<MessageRecord | null>;
  /** What the queue holds now. It reads the tenant's database. @throws UNKNOWN_TENANT, or the database's error */
  statistics(): Promise<QueueStatistics>;
}

/** Access to a work queue: `use` keeps the tenant's database open for as long as the action takes. */
export interface QueueAccess {
  use<T>(action: (queue: WorkQueue) => Promise<T>): Promise<T>;
  /** Makes the tenant due now. If the registry does not answer, the wake is repeated later. Never throws (F7). */
  wake(): Promise<void>;
  /** As `wake`, in the background, once `committed` has resolved to true. */
  wakeAfter(committed: Promise<boolean>): void;
}

export function storedMessages(tenantId: string, access: QueueAccess): StoredMessages {
  return {
    tenantId,
    async get(messageId) {
      if (typeof messageId !== 'string')
        throw new MultiOutboxError(
          'INVALID_ARGUMENT',
          `get: a message's id must be text, got ${shownValue(messageId)}.`,
        );
      return access.use((queue) => queue.get(messageId));
    },
    statistics: () => access.use((queue) => queue.statistics()),
  };
}
