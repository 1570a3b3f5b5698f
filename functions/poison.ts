/** Queue: records requests that could not be served, where status and health show them. */
import { app } from '@azure/functions';
import { currentApp } from './app.ts';
import { connection, queueNames } from './queues.ts';

app.storageQueue('poison', {
  queueName: queueNames.poison,
  connection,
  handler: async (message: unknown) => {
    await currentApp().multiOutbox.poisoned(message);
  },
});
