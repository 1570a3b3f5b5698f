/** Queue trigger: records failed requests in the registry, where status and health show them. */
import { app } from '@azure/functions';
import type { CurrentApp } from './app.ts';
import { connection, queueNames } from './queues.ts';

export function registerPoison(currentApp: CurrentApp): void {
  app.storageQueue('poison', {
    queueName: queueNames.poison,
    connection,
    handler: async (message: unknown) => {
      await currentApp().multiOutbox.poisoned(message);
    },
  });
}
