/**
 * The webhook sources of this deployment: the senders that may post to receive/<tenant>/<source>, and how each proves
 * who it is. Register sources here that do not sign requests as Standard Webhooks describes.
 */
import { MultiOutboxError, propertyOf, readable } from '../errors.ts';
import { sourceOrUnusable, type WebhookSource } from '../inbox/webhook-source.ts';
import { objectOf } from '../options.ts';
import { isUnresolvedReference, loadSettings, type Settings, unresolvedProblem } from '../settings.ts';
import { standardWebhooks } from './standard-webhooks.ts';

export { type StandardWebhooksOptions, standardWebhooks } from './standard-webhooks.ts';

/**
 * The sources that the setting `receive.sources` names, with their secrets from `env`. A source whose secret is missing becomes
 * unusable, and the others still work. An error thrown here makes all sources unusable; plans and runs still work.
 * @throws MultiOutboxError INVALID_CONFIGURATION
 */
export function createSources(settings: Pick<Settings, 'receive'>, env = process.env): WebhookSource[] {
  objectOf('createSources', settings, 'INVALID_CONFIGURATION');
  const receive = propertyOf(settings, 'receive') as Settings['receive'];
  const { sources } = loadSettings({ receive }, {}).receive;
  objectOf('createSources: the environment', env, 'INVALID_CONFIGURATION');
  return [
    ...Object.entries(sources ?? {}).map(([name, setting]) =>
      sourceOrUnusable(name, () => {
        // An inherited name such as 'constructor' is not an app setting.
        const isSet = readable('createSources: the environment', () => Object.hasOwn(env, setting));
        const secret = isSet ? (env[setting] ?? '') : '';
        if (secret.trim() === '') {
          throw new MultiOutboxError(
            'INVALID_CONFIGURATION',
            `The app setting '${setting}' is not set; set it to the secret of the webhook source '${name}'.`,
          );
        }
        if (isUnresolvedReference(secret)) {
          throw new MultiOutboxError(
            'INVALID_CONFIGURATION',
            `The app setting '${setting}' of the webhook source '${name}' ${unresolvedProblem}.`,
          );
        }
        return standardWebhooks({ name, secret, setting });
      }),
    ),

    // Add your own sources here, for example:
    //   {
    //     name: 'github',
    //     verify({ headers, body }) {
    //       const expected = `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
    //       if (!sameSignature(headers.get('x-hub-signature-256') ?? '', expected))
    //         throw new SignatureRefused('The signature does not match the request.');
    //       const messageId = headers.get('x-github-delivery') ?? '';
    //       return { messageId, topic: `github.${headers.get('x-github-event')}`, payload: body };
    //     },
    //   },
  ];
}
