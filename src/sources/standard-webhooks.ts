import { MultiOutboxError, shownValue } from '../errors.ts';
import { parseSecrets, webhookSignature } from '../handlers/webhook-signature.ts';
import { SignatureRefused, sameSignature, type WebhookSource } from '../inbox/webhook-source.ts';
import { type NamesOf, optionsOf } from '../options.ts';
import { type DurationInput, parseDuration } from '../settings.ts';

export interface StandardWebhooksOptions {
  /** The source's name in the address, as of `WebhookSource`. */
  readonly name: string;
  /** `whsec_` followed by base64. Several secrets, separated by spaces, are all accepted, so that one can be rotated. */
  readonly secret: string;
  /**
   * The most time between the timestamp of a request and the time here: milliseconds, or text such as '10m'. Default:
   * five minutes.
   */
  readonly toleranceMs?: DurationInput;
  /** The name of the app setting that holds the secret, for errors. Without it they name the source. */
  readonly setting?: string;
}

const optionNames: NamesOf<StandardWebhooksOptions> = {
  name: true,
  secret: true,
  toleranceMs: true,
  setting: true,
};

/** The tolerance of the libraries of Standard Webhooks, on which senders rely. */
const usualToleranceMs = 300_000;

/**
 * A source that signs requests as Standard Webhooks describes (https://www.standardwebhooks.com). The message's id is
 * the header `webhook-id`; its topic is the field `type` of the body (as in the specification), or the source's name.
 * @throws MultiOutboxError INVALID_CONFIGURATION
 */
export function standardWebhooks(options: StandardWebhooksOptions): WebhookSource {
  const {
    name,
    secret,
    toleranceMs: tolerance = usualToleranceMs,
    setting,
  } = optionsOf('standardWebhooks', options, optionNames, 'INVALID_CONFIGURATION');
  const secrets = parseSecrets(secret, setting ?? `'secret' of the source ${shownValue(name)}`);
  const toleranceMs = parseDuration(tolerance);
  if (toleranceMs === null) {
    throw new MultiOutboxError(
      'INVALID_CONFIGURATION',
      `standardWebhooks: toleranceMs must be milliseconds or text such as '10m', got ${shownValue(tolerance)}.`,
    );
  }
  return {
    name,
    async verify({ headers, body }) {
      const messageId = headers.get('webhook-id') ?? '';
      const timestamp = headers.get('webhook-timestamp') ?? '';
      const signatures = headers.get('webhook-signature') ?? '';
      if (messageId === '' || !/^\d{1,12}$/.test(timestamp) || signatures === '') {
        throw new SignatureRefused(
          'The request needs the headers webhook-id, webhook-timestamp and webhook-signature.',
        );
      }
      if (messageId.includes('.')) {
        // The signature covers <id>.<timestamp>.<body>. If an id could contain a dot, someone who has captured a
        // request could split the signed text in other places, and send another id, another timestamp and a part of the
        // body under the same signature.
        throw new SignatureRefused("The header webhook-id must not contain a '.'; send an id without one.");
      }
      const sentAt = new Date(Number(timestamp) * 1_000);
      if (Math.abs(Date.now() - sentAt.getTime()) > toleranceMs) {
        throw new SignatureRefused(
          "The timestamp is too far from the receiver's time; check the sender's clock.",
        );
      }
      const expected = (await webhookSignature(secrets, messageId, sentAt, body)) ?? '';
      if (!shareOne(signatures.split(' '), expected.split(' '))) {
        throw new SignatureRefused('The signature does not match the request; check the secret.');
      }
      return { messageId, topic: typeOf(body) ?? name, payload: body };
    },
  };
}

/** Compares every pair, so that the time reveals no match. It reads at most ten signatures; a sender has few secrets. */
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
