/** HTTP and queue triggers: wake a tenant, and send the request for its run (F7). */
import { app, type InvocationContext } from '@azure/functions';
import { isMultiOutboxError, poisonedRequest } from '../src/index.ts';
import type { CurrentApp } from './app.ts';
import { loggingStackOnce } from './failures.ts';
import { answering } from './http/problem.ts';
import type { LatePlan } from './late-plan.ts';
import { connection, queueNames, toPoison } from './queues.ts';
import { planOutputs } from './send-plan.ts';
import { sendingFrom } from './send-woken.ts';

export function registerWake(currentApp: CurrentApp, latePlan: LatePlan): void {
  app.http('wake', {
    methods: ['POST'],
    authLevel: 'function',
    route: 'wake/{tenantId}',
    extraOutputs: planOutputs,
    handler: answering(async (request, context) => {
      const { tenantId } = request.params;
      await sendingFrom(context, currentApp).wake(tenantId!);
      await latePlan.makeIfLate(context);
      return { status: 202, jsonBody: { tenantId } };
    }),
  });

  app.storageQueue('wake-queue', {
    queueName: queueNames.wake,
    connection,
    extraOutputs: [...planOutputs, toPoison],
    handler: loggingStackOnce(async (message: unknown, context: InvocationContext) => {
      try {
        await sendingFrom(context, currentApp).wakeFrom(message);
        await latePlan.makeIfLate(context);
      } catch (error) {
        if (!isMultiOutboxError(error, 'INVALID_ARGUMENT') && !isMultiOutboxError(error, 'UNKNOWN_TENANT')) {
          throw error;
        }
        context.extraOutputs.set(toPoison, poisonedRequest(message, error));
      }
    }),
  });
}
