/** Dead messages of a queue, found and changed as a library's call does it, but in one step of at most `limit`. */
import type { MessageRecord } from '../../src/engine/message.ts';
import type { MessageFilter } from '../../src/engine/message-search.ts';
import type { QueueName, WorkQueue } from '../../src/engine/work-queue.ts';
import type { MultiOutbox } from '../../src/multi-outbox.ts';

/** The same through the library's interface. */
export function deadOf({ messages, operations }: MultiOutbox, tenantId: string, queue: QueueName = 'outbox') {
  const place = { tenantId, queue, filter: { states: ['dead'] } } as const;
  return {
    count: async () => (await messages.count(place)).count,
    list: async () => {
      const page = await messages.list(place);
      const shown = page.messages.map(({ messageId }) => messages.show({ tenantId, queue, messageId }));
      return (await Promise.all(shown)).map((message) => message!);
    },
    replay: async () => {
      const { operation } = await operations.create({
        act: 'replay',
        queue,
        tenants: [tenantId],
        filter: place.filter,
      });
      return (await operations.resume(operation.id)).changed;
    },
  };
}

/** More than any test stores. */
const examine = 1_000_000;

function find(queue: WorkQueue, filter: MessageFilter, limit: number) {
  return queue.find({ ...filter, states: ['dead'] }, { limit, examine });
}

/** With payloads, unless a message's id cannot be read. */
export async function listDead(
  queue: WorkQueue,
  filter: MessageFilter,
  { limit }: { limit: number },
): Promise<MessageRecord[]> {
  const { messages } = await find(queue, filter, limit);
  return Promise.all(
    messages.map(async (found) => {
      const { contentBytes: _bytes, version: _version, ...summary } = found;
      return (await queue.get(found.messageId)) ?? { ...summary, payload: '', headers: {} };
    }),
  );
}

export async function countDead(queue: WorkQueue, filter: MessageFilter): Promise<number> {
  return (await queue.count({ ...filter, states: ['dead'] }, { examine })).count;
}

export async function replayDead(queue: WorkQueue, filter: MessageFilter, limit: number): Promise<number> {
  return (await queue.act({ do: 'replay' }, (await find(queue, filter, limit)).messages)).length;
}

export async function discardDead(queue: WorkQueue, filter: MessageFilter, limit: number): Promise<number> {
  return (await queue.act({ do: 'discard' }, (await find(queue, filter, limit)).messages)).length;
}
