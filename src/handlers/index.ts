/**
 * The handlers of this deployment. The dispatcher sends messages to the handlers in the list below. Add your own to the
 * list, each in a file of its own beside this one.
 */
import type { Handler } from '../queue/handler.ts';
import { type EmailOptions, emailSend } from './email.ts';
import { type WebhookOptions, webhookPost } from './webhook.ts';

export type { EmailOptions } from './email.ts';
export { emailSend } from './email.ts';
export type { EmailPayload } from './email-schema.ts';
export type { WebhookOptions } from './webhook.ts';
export { webhookPost } from './webhook.ts';
export type { WebhookSecret } from './webhook-signature.ts';

/** The settings of the built-in handlers, as `loadSettings` returns them. */
export interface HandlerSettings {
  readonly email: EmailOptions;
  readonly webhook: WebhookOptions;
}

/**
 * All handlers, one for each topic. Two handlers for one topic are an error at start.
 * @throws MultiOutboxError INVALID_CONFIGURATION
 */
export function createHandlers(settings: HandlerSettings): Handler[] {
  return [
    emailSend(settings.email),
    webhookPost(settings.webhook),

    // Add your own handlers here:
    //   invoiceCreate(),
    //
    // A handler looks like this, in src/handlers/invoice-create.ts:
    //
    //   import * as v from 'valibot';
    //   import { defineHandler, PermanentError, type Handler } from '../queue/handler.ts';
    //
    //   export function invoiceCreate(): Handler {
    //     return defineHandler({
    //       topic: 'invoice.create',
    //       schema: v.object({ orderId: v.string(), cents: v.number() }),
    //       async handle(message, context) {
    //         const response = await fetch('https://billing.example.com/invoices', {
    //           method: 'POST',
    //           body: JSON.stringify(message.data), // checked and typed by the schema
    //           headers: { 'idempotency-key': context.idempotencyKey }, // a message can be delivered twice
    //           signal: context.signal, // fires at the timeout and when the run stops
    //         });
    //         if (response.status === 422) throw new PermanentError('Billing refuses the order.'); // Dead
    //         if (!response.ok) throw new Error(`Billing answered ${response.status}.`); // retried
    //       }, // returned: Done
    //     });
    //   }
  ];
}
