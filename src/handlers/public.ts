/** What `multi-outbox/handlers` is: the built-in handlers, each made with options of your own. */
export { type EmailOptions, emailSend } from './email.ts';
export type { EmailPayload } from './email-schema.ts';
export type { ResolveHost } from './public-address.ts';
export { type WebhookOptions, webhookPost } from './webhook.ts';
export type { WebhookPayload } from './webhook-schema.ts';
export type { WebhookSecret } from './webhook-signature.ts';
