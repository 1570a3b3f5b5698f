import { createHash } from 'node:crypto';
import type { NewMessage } from '../engine/work-queue.ts';
import { checkedText, type MessageInput, newMessage, trimmedText } from '../queue/message.ts';
import { type QueueAccess, type StoredMessages, storedMessages } from '../queue/stored-messages.ts';
import { Wakes } from '../queue/wakes.ts';
import type { Logger } from '../telemetry/logger.ts';
import { recordReceived } from '../telemetry/metrics.ts';

/** A message as it comes from outside. */
export interface InboxMessage extends Omit<MessageInput, 'messageId' | 'dedupKey'> {
  /** Who sent it: 1 to 200 characters, with no blank at either end. The same id from two sources is two messages (I1). */
  readonly source: string;
  /** The id its source gave it, the same at every sending: 1 to 200 characters, compared exactly. */
  readonly messageId: string;
  /** Stands for the content, up to 200 characters with no blank at either end; SHA-256 of topic and payload when absent (I2). */
  readonly hash?: string;
}

export interface ReceiveOptions {
  /** The caller's own open transaction, which the messages become part of (Q3); see `EnqueueOptions`. */
  readonly transaction?: unknown;
  /** Makes the tenant due now when something was accepted (F7); see `EnqueueOptions`. */
  readonly wake?: boolean;
}

export interface Received {
  /**
   * `accepted`: stored, and will be dispatched. `duplicate`: was received before, nothing was changed. `conflict`: was
   * received before with other content; what came now is kept as Dead, for people to look at (I2).
   */
  readonly status: 'accepted' | 'duplicate' | 'conflict';
  /** The id of the stored message; of the first one for a duplicate or a conflict. */
  readonly messageId: string;
}

/** The inbox of one tenant. */
export interface Inbox extends StoredMessages {
  /** @throws INVALID_MESSAGE, UNKNOWN_TENANT, or what the engine's enqueue throws */
  receive(message: InboxMessage, options?: ReceiveOptions): Promise<Received>;
  /** Many in one round trip, all or none; results stand in the order given. */
  receive(messages: readonly InboxMessage[], options?: ReceiveOptions): Promise<Received[]>;
  /** One or many: the result has the same form. */
  receive(
    input: InboxMessage | readonly InboxMessage[],
    options?: ReceiveOptions,
  ): Promise<Received | Received[]>;
}

export function createInbox(tenantId: string, access: QueueAccess, logger: Logger): Inbox {
  const wakes = new Wakes(access);

  async function receive(
    input: InboxMessage | readonly InboxMessage[],
    { transaction, wake = (transaction ?? undefined) === undefined }: ReceiveOptions = {},
  ): Promise<Received | Received[]> {
    const many = Array.isArray(input) ? (input as readonly InboxMessage[]) : [input as InboxMessage];
    if (many.length === 0) return [];
    const messages = many.map((message, index) =>
      receivedMessage(message, many.length > 1 ? ` at index ${index}` : ''),
    );
    const stored = await access.use((queue) => queue.enqueue(messages, transaction));
    const results = stored.map(
      ({ status, messageId }): Received => ({
        status: status === 'enqueued' ? 'accepted' : status,
        messageId,
      }),
    );
    report(many, results);
    const accepted = results.find(({ status }) => status === 'accepted');
    if (wake && accepted) await wakes.stored(transaction, accepted.messageId);
    return Array.isArray(input) ? results : results[0]!;
  }

  function report(messages: readonly InboxMessage[], results: readonly Received[]): void {
    recordReceived(tenantId, results);
    results.forEach(({ status, messageId }, index) => {
      if (status !== 'conflict') return;
      const { source, messageId: sourceMessageId } = messages[index]!;
      const fields = { tenantId, source, sourceMessageId, messageId };
      logger.warn('A message came again with other content; it is kept as Dead.', fields);
    });
  }

  return { ...storedMessages(tenantId, access), receive: receive as Inbox['receive'] };
}

function receivedMessage(input: InboxMessage, place: string): NewMessage {
  const verb = 'received';
  const { source, messageId, hash, ...rest } = input ?? {};
  const message = newMessage(rest, { place, verb });
  return {
    ...message,
    source: trimmedText('source', source, { place, verb }),
    dedupKey: checkedText('messageId', messageId, { place, verb }),
    hash: hash === undefined ? contentHash(message) : trimmedText('hash', hash, { place, verb }),
  };
}

/** Topics match without regard to case, and hold no line break. */
function contentHash({ topic, payload }: NewMessage): string {
  return createHash('sha256').update(`${topic.toLowerCase()}\n${payload}`).digest('hex');
}
