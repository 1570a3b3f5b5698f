import { defineHandler, type Handler, type HandlerContext, type Message } from '../queue/handler.ts';
import { noFence, nonPublicRange, type ResolveHost, systemResolver } from './public-address.ts';
import { settleResponse } from './webhook-outcome.ts';
import { type WebhookRequest, webhookSender } from './webhook-request.ts';
import { type WebhookPayload, webhookPayload } from './webhook-schema.ts';
import { parseSecrets, type WebhookSecret, webhookSignature } from './webhook-signature.ts';

export interface WebhookOptions {
  /** Signs requests after the Standard Webhooks specification; without it they are not signed. */
  readonly secret?: WebhookSecret;
  /**
   * Lets requests go to loopback, private and other special addresses. URLs come out of messages, so without
   * this fence whoever can enqueue could reach the network behind the dispatcher. Refused when absent.
   */
  readonly allowPrivateAddresses?: boolean;
  /** Milliseconds one attempt may take, redirects included; the fleet's setting when absent. */
  readonly timeoutMs?: number;
  /** Stands in for the machine's resolver. What it answers is checked all the same. */
  readonly resolve?: ResolveHost;
}

/**
 * The handler of `webhook.post`: posts `body` to `url` (see `webhookPayload`).
 *
 * - 2xx is Done. 408, 425, 429, 5xx and network trouble are retried; Retry-After is honoured, up to an hour.
 *   Every other answer is Dead, redirects but 307 and 308 included.
 * - A receiver sees `webhook-id` (the message id) and `idempotency-key`, the same at every attempt, to suppress
 *   duplicates; `webhook-timestamp`, the time of the attempt; `traceparent` and `tracestate` of the producer.
 *
 * @throws MultiOutboxError INVALID_CONFIGURATION for a secret of the wrong form
 */
export function webhookPost(options: WebhookOptions = {}): Handler {
  const { secret, allowPrivateAddresses = false, timeoutMs, resolve = systemResolver } = options;
  const fixed = typeof secret === 'function' ? undefined : parseSecrets(secret ?? '');
  const secretsOf = async (tenantId: string) =>
    fixed ?? parseSecrets((typeof secret === 'function' ? await secret(tenantId) : undefined) ?? '');
  const send = webhookSender(resolve, allowPrivateAddresses ? noFence : nonPublicRange);

  return defineHandler({
    topic: 'webhook.post',
    schema: webhookPayload,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    async handle(message: Message<WebhookPayload>, context: HandlerContext) {
      const request = await webhookRequest(message, context, await secretsOf(context.tenant.id));
      const response = await send(request, context.signal, () =>
        context.logger.warn('The receiver of a webhook has moved for good (308); send to its new URL.', {
          messageId: message.messageId,
        }),
      );
      settleResponse(response);
    },
  });
}

async function webhookRequest(
  { messageId, data }: Message<WebhookPayload>,
  { idempotencyKey, trace }: HandlerContext,
  secrets: readonly string[],
): Promise<WebhookRequest> {
  const isText = typeof data.body === 'string';
  const body = isText ? (data.body as string) : (JSON.stringify(data.body) as string | undefined);
  const { 'content-type': ownType, ...ownHeaders } = data.headers ?? {};
  const contentType = ownType ?? (isText ? 'text/plain; charset=utf-8' : 'application/json');
  const now = new Date();
  const signature = await webhookSignature(secrets, messageId, now, body ?? '');
  return {
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

/** What a producer put in its trace headers is passed on only if it can stand in a header. */
function traceHeaders({ traceparent, tracestate }: HandlerContext['trace']): Record<string, string> {
  if (traceparent === undefined || !/^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/.test(traceparent))
    return {};
  if (tracestate === undefined || !/^[\t\x20-\x7e]+$/.test(tracestate)) return { traceparent };
  return { traceparent, tracestate };
}
