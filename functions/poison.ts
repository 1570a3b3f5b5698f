/**
 * Queue triggers of the poison queues, to which the host moves a message that has failed `maxDequeueCount` times. Each
 * message is tried again until it succeeds: first here, with a growing pause, and then each time the host delivers it
 * again. The host hides a message that failed on a poison queue for ten minutes.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { app, type InvocationContext } from '@azure/functions';
import { errorText, type PoisonedQueue } from '../src/index.ts';
import type { CurrentApp } from './app.ts';
import { withoutStack } from './failures.ts';
import { connection, poisonOf, queueNames, toDispatch, toPoisonOf } from './queues.ts';

/** The pauses between two tries of one invocation: 63 seconds in all, which fits into every host's limit. */
const pausesMs = [1, 2, 4, 8, 16, 32].map((seconds) => seconds * 1_000);
/** A queue removes a message seven days after it was sent, so a message that is about to expire is sent again. */
const renewedBeforeMs = 24 * 3_600_000;

/** The names of the functions that read poison queues. */
const readers = new Set<string>();

export function isPoisonReader(functionName: string): boolean {
  return readers.has(functionName);
}

export function registerPoison(currentApp: CurrentApp, terminating: AbortSignal): void {
  register('poison', 'dispatch');
  register('pages-poison', 'pages');
  register('wake-poison', 'wake');

  function register(name: string, queue: PoisonedQueue): void {
    readers.add(name);
    const toItself = toPoisonOf(queue);
    app.storageQueue(name, {
      queueName: poisonOf(queueNames[queue]),
      connection,
      extraOutputs: [toDispatch, toItself],
      async handler(message: unknown, context: InvocationContext) {
        try {
          const messageId = String(context.triggerMetadata?.id ?? context.invocationId);
          const { requests } = await repeated(() =>
            currentApp().multiOutbox.poisoned(message, queue, { messageId }),
          );
          if (requests.length > 0) context.extraOutputs.set(toDispatch, requests);
        } catch (error) {
          context.error(
            `This message stays in its poison queue and is tried again later: ${errorText(error)}`,
          );
          if (!isExpiring(context)) throw withoutStack(error);
          context.extraOutputs.set(toItself, message);
        }
      },
    });
  }

  async function repeated<Result>(attempt: () => Promise<Result>): Promise<Result> {
    for (const pauseMs of pausesMs) {
      try {
        return await attempt();
      } catch (error) {
        if (terminating.aborted) throw error;
        await pause(pauseMs * (0.5 + Math.random() / 2), undefined, { signal: terminating }).catch(() => {});
      }
    }
    return attempt();
  }
}

function isExpiring({ triggerMetadata }: InvocationContext): boolean {
  const expires = Date.parse(String(triggerMetadata?.expirationTime));
  return expires - Date.now() < renewedBeforeMs;
}
