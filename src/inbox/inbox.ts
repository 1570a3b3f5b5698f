import { createHash } from 'node:crypto';
import type { NewMessage } from '../engine/message.ts';
import { isList } from '../errors.ts';
import type { NamesOf } from '../options.ts';
import { checkedFields, checkedText, type MessageInput, newMessage, trimmedText } from '../queue/message.ts';
import { store } from '../queue/store.ts';
import { storeOptions } from '../queue/store-options.ts';
import { type QueueAccess, type StoredMessages, storedMessages } from '../queue/stored-messages.ts';
import { Wakes } from '../queue/wakes.ts';
import type { Logger } from '../telemetry/logger.ts';
import { recordReceived } from '../telemetry/metrics.ts';

/** A message from an external source. */
export interface InboxMessage extends Omit<MessageInput, 'messageId' | 'dedupKey'> {
  /**
   * The sender: 1 to 200 characters, with no blank at either end. The same id from two sources makes two messages
   * (I1).
   */
  readonly source: string;
  /** The source's id for the message, the same at every delivery: 1 to 200 characters, compared exactly. */
  readonly messageId: string;
  /**
   * Identifies the content: up to 200 characters with no blank at either end. Default: the SHA-256 of topic and
   * payload (I2).
   */
  readonly hash?: string;
}

export interface ReceiveOptions {
  /** The caller's own open transaction, in which the messages are stored (Q3); see `EnqueueOptions`. */
  readonly transaction?: unknown;
  /** Makes the tenant due now if a message was accepted (F7); see `EnqueueOptions`. */
  readonly wake?: boolean;
}

export interface Received {
  /**
   * `accepted`: the message is stored and will be dispatched. `duplicate`: it was received before, and this call
   * changed nothing. `conflict`: it was received before with other content; the new content is inserted as Dead, for
   * people to look at (I2).
   */
  readonly status: 'accepted' | 'duplicate' | 'conflict';
  /** The id of the stored message; for a duplicate or a conflict, the id of the first one. */
  readonly messageId: string;
}

/** The inbox of one tenant. */
export interface Inbox extends StoredMessages {
  /** @throws INVALID_MESSAGE, INVALID_ARGUMENT, UNKNOWN_TENANT, or what the engine's enqueue throws */
  receive(message: InboxMessage, options?: ReceiveOptions): Promise<Received>;
  /** Stores many in one round trip, all or none; the results have the order of the input. */
  receive(messages: readonly InboxMessage[], options?: ReceiveOptions): Promise<Received[]>;
  /** Takes one message or many; the result has the same form. */
  receive(
    input: InboxMessage | readonly InboxMessage[],
    options?: ReceiveOptions,
  ): Promise<Received | Received[]>;
}

export function createInbox(tenantId: string, access: QueueAccess, logger: Logger): Inbox {
  const wakes = new Wakes(access);

  async function receive(
    input: InboxMessage | readonly InboxMessage[],
    options: ReceiveOptions = {},
  ): Promise<Received | Received[]> {
    const { transaction, wake } = storeOptions('receive', options);
    const many = isList(input) ? Array.from(input as readonly InboxMessage[]) : [input as InboxMessage];
    if (many.length === 0) return [];
    const messages = many.map((message, index) =>
      receivedMessage(message, many.length > 1 ? ` at index ${index}` : ''),
    );
    const stored = await store(access, messages, transaction);
    const results = stored.map(
      ({ status, messageId }): Received => ({
        status: status === 'enqueued' ? 'accepted' : status,
        messageId,
      }),
    );
    report(many, results);
    const accepted = results.find(({ status }) => status === 'accepted');
    if (wake && accepted) await wakes.stored(transaction, accepted.messageId);
    return isList(input) ? results : results[0]!;
  }

  function report(messages: readonly InboxMessage[], results: readonly Received[]): void {
    recordReceived(tenantId, results);
    results.forEach(({ status, messageId }, index) => {
      if (status !== 'conflict') return;
      const { source, messageId: sourceMessageId } = messages[index]!;
      const fields = { tenantId, source, sourceMessageId, messageId };
      logger.warn(
        'A message was received again with other content; the new content was inserted as Dead. Compare the two, then discard or replay it.',
        fields,
      );
    });
  }

  return { ...storedMessages(tenantId, access), receive: receive as Inbox['receive'] };
}

const inboxNames: NamesOf<InboxMessage> = {
  source: true,
  messageId: true,
  hash: true,
  topic: true,
  payload: true,
  headers: true,
  correlationId: true,
  orderingKey: true,
  delay: true,
};

function receivedMessage(input: InboxMessage, place: string): NewMessage {
  const verb = 'received';
  const { source, messageId, hash, ...rest } = checkedFields(input, inboxNames, { place, verb });
  const message = newMessage(rest, { place, verb });
  return {
    ...message,
    source: trimmedText('source', source, { place, verb }),
    dedupKey: checkedText('messageId', messageId, { place, verb }),
    hash: hash === undefined ? contentHash(message) : trimmedText('hash', hash, { place, verb }),
  };
}

/**
 * Hashes the topic in lower case, because topics match case-insensitively. A topic cannot contain the line
 * break that separates it from the payload.
 */
function contentHash({ topic, payload }: NewMessage): string {
  return createHash('sha256').update(`${topic.toLowerCase()}\n${payload}`).digest('hex');
}
