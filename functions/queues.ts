/**
 * The storage queues between the functions. infra/ creates them. The host creates a missing queue only when it sends to
 * it, not when it listens to it.
 */
import { type InvocationContext, output, type StorageQueueOutput } from '@azure/functions';

/** The app setting, or the prefix of a group of settings, that names the storage account of the queues. */
export const connection = 'AzureWebJobsStorage';

export const queueNames = {
  dispatch: 'multi-outbox-dispatch',
  pages: 'multi-outbox-pages',
  wake: 'multi-outbox-wake',
} as const;

/** The queue to which the host moves a message of this queue that fails repeatedly. */
export function poisonOf(queueName: string): string {
  return `${queueName}-poison`;
}

const to = (queueName: string) => output.storageQueue({ queueName, connection });

/** An array becomes one message for each of its elements. */
export const toDispatch = to(queueNames.dispatch);
export const toPages = to(queueNames.pages);
/** The functions send unreadable messages of every queue here at once, with the reason. */
export const toPoison = to(poisonOf(queueNames.dispatch));

export function toPoisonOf(queue: keyof typeof queueNames) {
  return to(poisonOf(queueNames[queue]));
}

/** Adds messages to those that this invocation sends when it ends. */
export function send(
  { extraOutputs }: InvocationContext,
  to: StorageQueueOutput,
  messages: readonly unknown[],
): void {
  if (messages.length === 0) return;
  const earlier = (extraOutputs.get(to) ?? []) as readonly unknown[];
  extraOutputs.set(to, [...earlier, ...messages]);
}
