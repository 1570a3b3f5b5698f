import { MultiOutboxError } from '../errors.ts';

/**
 * The signing secret or, for receivers that must not be able to forge one another's requests, a function that
 * gives a tenant's own; undefined leaves the request unsigned.
 *
 * A secret is `whsec_` and 24 to 64 bytes in base64. Several, parted by spaces, sign side by side: that is how a
 * secret is changed without a gap (the new one first, the old one until every receiver knows the new one).
 */
export type WebhookSecret = string | ((tenantId: string) => string | undefined | Promise<string | undefined>);

const secretPattern = /^whsec_[A-Za-z0-9+/]+={0,2}$/;

/**
 * Parts and checks secrets; the error names the app setting they are from, and never shows one.
 * @throws MultiOutboxError INVALID_CONFIGURATION
 */
export function parseSecrets(text: string, setting = 'MULTI_OUTBOX_WEBHOOK_SECRET'): string[] {
  const secrets = text.split(/\s+/).filter((secret) => secret !== '');
  for (const secret of secrets) {
    const bytes = secretPattern.test(secret) ? Buffer.from(secret.slice(6), 'base64').length : 0;
    if (bytes < 24 || bytes > 64) {
      throw new MultiOutboxError(
        'INVALID_CONFIGURATION',
        `The webhook signing secret (${setting}) must be 'whsec_' and 24 to 64 random bytes in ` +
          'base64; make one with: echo whsec_$(openssl rand -base64 32)',
      );
    }
  }
  return secrets;
}

/**
 * The value of `webhook-signature` after the Standard Webhooks specification: an HMAC-SHA256 over id, timestamp
 * and body for each secret; undefined without a secret.
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
