/** `multi-outbox/handlers`: the built-in handlers, which you create with your own options. */

export type { ResolveHost } from '../host-resolver.ts';
export { type EmailOptions, emailSend } from './email.ts';
export type { EmailPayload } from './email-schema.ts';
export { type WebhookOptions, webhookPost } from './webhook.ts';
export type { WebhookPayload } from './webhook-schema.ts';
export type { WebhookSecret } from './webhook-signature.ts';
