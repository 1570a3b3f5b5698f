/**
 * The webhook sources of this deployment: who may send to receive/<tenant>/<source>, and how that is proved. Register
 * sources that do not sign after Standard Webhooks here.
 */
import { MultiOutboxError } from '../errors.ts';
import { sourceOrUnusable, type WebhookSource } from '../inbox/webhook-source.ts';
import type { Settings } from '../settings.ts';
import { standardWebhooks } from './standard-webhooks.ts';

export { type StandardWebhooksOptions, standardWebhooks } from './standard-webhooks.ts';

/** A source without its secret is unusable; what is thrown here is the end of all sources, and of nothing else. */
export function createSources({ receive }: Pick<Settings, 'receive'>, env = process.env): WebhookSource[] {
  return [
    ...Object.entries(receive.sources ?? {}).map(([name, setting]) =>
      sourceOrUnusable(name, () => {
        const secret = env[setting] ?? '';
        if (secret.trim() === '') {
          throw new MultiOutboxError(
            'INVALID_CONFIGURATION',
            `The app setting '${setting}', which is to hold the secret of webhook source '${name}', is not set.`,
          );
        }
        return standardWebhooks({ name, secret, setting });
      }),
    ),

    // Yours come here:
    //   {
    //     name: 'github',
    //     verify({ headers, body }) {
    //       const expected = `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
    //       if (!sameSignature(headers.get('x-hub-signature-256') ?? '', expected))
    //         throw new SignatureRefused('The signature does not fit the request.');
    //       const messageId = headers.get('x-github-delivery') ?? '';
    //       return { messageId, topic: `github.${headers.get('x-github-event')}`, payload: body };
    //     },
    //   },
  ];
}
