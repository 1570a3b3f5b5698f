/** HTTP trigger: stores messages in a tenant's outbox, for applications that cannot reach its database (Q3). */
import { app } from '@azure/functions';
import { parseOutboxMessages } from '../src/index.ts';
import type { CurrentApp } from './app.ts';
import { jsonBody } from './http/body.ts';
import { answering } from './http/problem.ts';
import { toDispatch } from './queues.ts';
import { sendingFrom } from './send-woken.ts';

/**
 * The most messages of one request. One transaction stores them all; with more messages it would hold its locks for too
 * long.
 */
const maxMessages = 1_000;

export function registerEnqueue(currentApp: CurrentApp): void {
  app.http('enqueue', {
    methods: ['POST'],
    authLevel: 'function',
    route: 'enqueue/{tenantId}',
    extraOutputs: [toDispatch],
    handler: answering(async (request, context) => {
      const { settings } = currentApp();
      const body = await jsonBody(request, settings.functions.maxBodyBytes);
      const stored = await sendingFrom(context, currentApp)
        .outbox(request.params.tenantId!)
        .enqueue(parseOutboxMessages(body, maxMessages));
      return { status: 202, jsonBody: stored };
    }),
  });
}
