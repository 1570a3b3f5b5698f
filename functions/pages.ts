/** Queue trigger: sends the dispatch requests of one page of a plan. */
import { app, type InvocationContext } from '@azure/functions';
import { type DispatchRequest, parseRequestPage, poisonedRequest } from '../src/index.ts';
import { connection, queueNames, toDispatch, toPoison } from './queues.ts';

export function registerPages(): void {
  app.storageQueue('pages', {
    queueName: queueNames.pages,
    connection,
    extraOutputs: [toDispatch, toPoison],
    handler: pages,
  });
}

function pages(message: unknown, context: InvocationContext): void {
  let requests: DispatchRequest[];
  try {
    requests = parseRequestPage(message);
  } catch (error) {
    context.extraOutputs.set(toPoison, poisonedRequest(message, error));
    return;
  }
  context.extraOutputs.set(toDispatch, requests);
}
