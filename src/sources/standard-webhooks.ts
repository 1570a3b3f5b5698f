import { parseSecrets, webhookSignature } from '../handlers/webhook-signature.ts';
import { SignatureRefused, sameSignature, type WebhookSource } from '../inbox/webhook-source.ts';

export interface StandardWebhooksOptions {
  readonly name: string;
  /** `whsec_` and base64; several, parted by spaces, are all taken: that is how a secret is changed without a gap. */
  readonly secret: string;
  /** Milliseconds by which the sender's clock and the way here may be off; five minutes when absent. */
  readonly toleranceMs?: number;
  /** The name of the app setting that holds the secret, for errors. */
  readonly setting?: string;
}

/** What the libraries of Standard Webhooks allow: senders rely on it. */
const usualToleranceMs = 300_000;

/**
 * A source that signs after Standard Webhooks (https://www.standardwebhooks.com). The message's id is `webhook-id`; its
 * topic the `type` of the body, as the specification has it, or the source's name.
 * @throws MultiOutboxError INVALID_CONFIGURATION
 */
export function standardWebhooks({
  name,
  secret,
  toleranceMs = usualToleranceMs,
  setting,
}: StandardWebhooksOptions): WebhookSource {
  const secrets = parseSecrets(secret, setting);
  return {
    name,
    async verify({ headers, body }) {
      const messageId = headers.get('webhook-id') ?? '';
      const timestamp = headers.get('webhook-timestamp') ?? '';
      const signatures = headers.get('webhook-signature') ?? '';
      if (messageId === '' || !/^\d{1,12}$/.test(timestamp) || signatures === '') {
        throw new SignatureRefused(
          'The headers webhook-id, webhook-timestamp and webhook-signature are needed.',
        );
      }
      const sentAt = new Date(Number(timestamp) * 1_000);
      if (Math.abs(Date.now() - sentAt.getTime()) > toleranceMs) {
        throw new SignatureRefused('The timestamp is too far from the time here.');
      }
      const expected = (await webhookSignature(secrets, messageId, sentAt, body)) ?? '';
      if (!shareOne(signatures.split(' '), expected.split(' '))) {
        throw new SignatureRefused('The signature does not fit the request.');
      }
      return { messageId, topic: typeOf(body) ?? name, payload: body };
    },
  };
}

/** Looks at all pairs, whatever it finds. A sender has few secrets, so a long list is not its own. */
function shareOne(given: readonly string[], expected: readonly string[]): boolean {
  const pairs = given.slice(0, 10).flatMap((one) => expected.map((other) => sameSignature(one, other)));
  return pairs.includes(true);
}

function typeOf(body: string): string | undefined {
  try {
    const { type } = JSON.parse(body) as { type?: unknown };
    return typeof type === 'string' ? type : undefined;
  } catch {
    return undefined;
  }
}
