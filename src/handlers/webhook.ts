import type { ResolveHost } from '../host-resolver.ts';
import { type NamesOf, optionsOf } from '../options.ts';
import { defineHandler, type Handler, type HandlerContext, type Message } from '../queue/handler.ts';
import type { DurationInput } from '../settings.ts';
import { fieldsOnce } from './fields-once.ts';
import { settleResponse } from './webhook-outcome.ts';
import type { SendWebhook, WebhookRequest } from './webhook-request.ts';
import { type WebhookPayload, webhookPayload } from './webhook-schema.ts';
import { parseSecrets, type WebhookSecret, webhookSignature } from './webhook-signature.ts';

export interface WebhookOptions {
  /** Signs requests as Standard Webhooks specifies; without a secret they are not signed. */
  readonly secret?: WebhookSecret;
  /**
   * Allows requests to loopback, private and other special addresses. URLs come from messages, so with `true` anyone who
   * can enqueue a message can reach the dispatcher's private network. Default: false.
   */
  readonly allowPrivateAddresses?: boolean;
  /**
   * The most time for one attempt, redirects included: milliseconds, or text such as '10s'. Default: the fleet's
   * setting.
   */
  readonly timeoutMs?: DurationInput;
  /**
   * Replaces the default resolver, which asks the hosts file and the name servers. The addresses that it returns are
   * checked too. `dns.lookup` finds names that need search domains, but it cannot be cancelled, so names that are not
   * answered delay all tenants.
   */
  readonly resolve?: ResolveHost;
}

const optionNames: NamesOf<WebhookOptions> = {
  secret: true,
  allowPrivateAddresses: true,
  timeoutMs: true,
  resolve: true,
};

/**
 * The handler of `webhook.post`: posts `body` to `url` (`WebhookPayload`).
 *
 * - 2xx makes the message Done. 408, 425, 429, 5xx and network errors are retried, after the time in Retry-After (one
 *   hour at most). Redirects 307 and 308 are followed. Every other answer makes the message Dead.
 * - The receiver gets `webhook-id` (the message id) and `idempotency-key`, which are the same at every attempt, so that
 *   it can drop duplicates; `webhook-timestamp`, the time of the attempt; and the producer's `traceparent` and
 *   `tracestate`.
 *
 * @throws MultiOutboxError INVALID_CONFIGURATION for a secret of the wrong form
 */
export function webhookPost(options: WebhookOptions = {}): Handler {
  const {
    secret,
    allowPrivateAddresses = false,
    timeoutMs,
    resolve,
  } = optionsOf('webhookPost', options, optionNames, 'INVALID_CONFIGURATION');
  const fixed = typeof secret === 'function' ? undefined : parseSecrets(secret ?? '');
  const secretsOf = async (tenantId: string) =>
    fixed ?? parseSecrets((typeof secret === 'function' ? await secret(tenantId) : undefined) ?? '');
  // A cold start does not load the code that sends. All requests share one sender's connections.
  let sender: Promise<SendWebhook> | undefined;

  return defineHandler({
    topic: 'webhook.post',
    schema: webhookPayload,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    async handle(message: Message<WebhookPayload>, context: HandlerContext) {
      const request = await webhookRequest(message, context, await secretsOf(context.tenant.id));
      sender ??= createSender(resolve, allowPrivateAddresses);
      const send = await sender;
      const response = await send(request, context.signal, () =>
        context.logger.warn('The receiver of a webhook has moved permanently (308); send to its new URL.', {
          messageId: message.messageId,
        }),
      );
      settleResponse(response);
    },
  });
}

async function createSender(
  resolve: ResolveHost | undefined,
  allowPrivateAddresses: boolean,
): Promise<SendWebhook> {
  const { fencedSender } = await import('./fenced-sender.ts');
  return fencedSender(resolve, allowPrivateAddresses);
}

async function webhookRequest(
  { messageId, payload, data }: Message<WebhookPayload>,
  { idempotencyKey, tenant, trace }: HandlerContext,
  secrets: readonly string[],
): Promise<WebhookRequest> {
  const written = fieldsOnce(payload).find(({ name }) => name === 'body')?.value;
  const isText = typeof data.body === 'string';
  // As its producer wrote it: numbers would lose digits.
  const body = isText ? (data.body as string) : written;
  const { 'content-type': ownType, ...ownHeaders } = data.headers ?? {};
  const contentType = ownType ?? (isText ? 'text/plain; charset=utf-8' : 'application/json');
  const now = new Date();
  const signature = await webhookSignature(secrets, messageId, now, body ?? '');
  return {
    tenantId: tenant.id,
    url: data.url,
    body,
    ownHeaders,
    headers: {
      ...(body === undefined ? {} : { 'content-type': contentType }),
      'user-agent': 'multi-outbox',
      'webhook-id': messageId,
      'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
      ...(signature === undefined ? {} : { 'webhook-signature': signature }),
      'idempotency-key': idempotencyKey,
      ...traceHeaders(trace),
    },
  };
}

/** Passes the producer's trace context on, unless it is not valid in a header. */
function traceHeaders({ traceparent, tracestate }: HandlerContext['trace']): Record<string, string> {
  if (traceparent === undefined || !/^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/.test(traceparent))
    return {};
  if (tracestate === undefined || !/^[\t\x20-\x7e]+$/.test(tracestate)) return { traceparent };
  return { traceparent, tracestate };
}
