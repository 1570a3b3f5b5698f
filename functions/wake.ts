/** HTTP and queue triggers: make a tenant due now (F7). The next plan requests its run. */
import { app, type InvocationContext } from '@azure/functions';
import { isMultiOutboxError, poisonedRequest } from '../src/index.ts';
import type { CurrentApp } from './app.ts';
import { answering } from './http/problem.ts';
import { connection, queueNames, toPoison } from './queues.ts';

export function registerWake(currentApp: CurrentApp): void {
  app.http('wake', {
    methods: ['POST'],
    authLevel: 'function',
    route: 'wake/{tenantId}',
    handler: answering(async (request) => {
      const { tenantId } = request.params;
      await currentApp().multiOutbox.wake(tenantId!);
      return { status: 202, jsonBody: { tenantId } };
    }),
  });

  app.storageQueue('wake-queue', {
    queueName: queueNames.wake,
    connection,
    extraOutputs: [toPoison],
    handler: async (message: unknown, context: InvocationContext) => {
      try {
        await currentApp().multiOutbox.wakeFrom(message);
      } catch (error) {
        if (!isMultiOutboxError(error, 'INVALID_ARGUMENT') && !isMultiOutboxError(error, 'UNKNOWN_TENANT')) {
          throw error;
        }
        context.extraOutputs.set(toPoison, poisonedRequest(message, error));
      }
    },
  });
}
