import { MultiOutboxError } from '../errors.ts';

/**
 * The signing secret, or a function that returns each tenant's own secret, so that one tenant's receiver cannot forge
 * requests to another's. Without a secret (undefined) requests are not signed.
 *
 * A secret is `whsec_` and 24 to 64 bytes in base64. Several secrets, separated by spaces, each sign the request, so
 * that a secret can be rotated: put the new one first, and keep the old one until every receiver has the new one.
 */
export type WebhookSecret = string | ((tenantId: string) => string | undefined | Promise<string | undefined>);

const secretPattern = /^whsec_[A-Za-z0-9+/]+={0,2}$/;

/**
 * Splits and checks secrets. The error names the app setting but never shows a secret.
 * @throws MultiOutboxError INVALID_CONFIGURATION
 */
export function parseSecrets(text: string, setting = 'MULTI_OUTBOX_WEBHOOK_SECRET'): string[] {
  if (typeof text !== 'string') {
    throw new MultiOutboxError(
      'INVALID_CONFIGURATION',
      `The webhook signing secret (${setting}) must be text.`,
    );
  }
  const secrets = text.split(/\s+/).filter((secret) => secret !== '');
  for (const secret of secrets) {
    const bytes = secretPattern.test(secret) ? Buffer.from(secret.slice(6), 'base64').length : 0;
    if (bytes < 24 || bytes > 64) {
      throw new MultiOutboxError(
        'INVALID_CONFIGURATION',
        `The webhook signing secret (${setting}) is invalid; it must be 'whsec_' and 24 to 64 random bytes in ` +
          'base64. This command makes one: echo whsec_$(openssl rand -base64 32)',
      );
    }
  }
  return secrets;
}

/**
 * The value of the header `webhook-signature` as Standard Webhooks specifies it: for each secret an HMAC-SHA256 over id,
 * timestamp and body. Undefined without a secret.
 */
export async function webhookSignature(
  secrets: readonly string[],
  messageId: string,
  timestamp: Date,
  body: string,
): Promise<string | undefined> {
  if (secrets.length === 0) return undefined;
  const { Webhook } = await import('standardwebhooks');
  return secrets.map((secret) => new Webhook(secret).sign(messageId, timestamp, body)).join(' ');
}
