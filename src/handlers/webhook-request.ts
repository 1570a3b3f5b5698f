import type { Agent } from 'undici';
import { PermanentError } from '../queue/handler.ts';
import {
  type AddressFence,
  fencedLookup,
  PrivateAddressError,
  type ResolveHost,
  refuseFencedLiteral,
} from './public-address.ts';
import { urlProblem } from './webhook-schema.ts';

/** One POST as it goes out. Header names are lower case. */
export interface WebhookRequest {
  readonly url: URL;
  readonly body: string | undefined;
  /** Set by the handler: they go wherever the request goes. */
  readonly headers: Readonly<Record<string, string>>;
  /** The message's own: they may be credentials and are not sent to another origin. */
  readonly ownHeaders: Readonly<Record<string, string>>;
}

/** What matters of the answer. */
export interface WebhookResponse {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly date: string | undefined;
}

export type SendWebhook = (
  request: WebhookRequest,
  signal: AbortSignal,
  onMoved: () => void,
) => Promise<WebhookResponse>;

const mostRedirects = 3;
const redirectStatuses = new Set([301, 302, 303, 307, 308]);
/** Read of a response's body, so that its connection can be used again; beyond that the connection is closed. */
const bodyLimits = { bytes: 16_384, milliseconds: 1_000 };
const connectTimeoutMs = 10_000;

/**
 * Sends POST requests, following 307 and 308 up to three times. Every hop meets the fence like the first. The
 * connections of one sender are kept alive for a few seconds and do not keep the process from ending.
 *
 * @throws PermanentError for what cannot succeed later; the signal's reason when it fired; else a plain Error.
 *   None shows a URL or what the receiver said.
 */
export function webhookSender(resolve: ResolveHost, fence: AddressFence): SendWebhook {
  let agent: Agent | undefined;

  async function post({ url, headers, ownHeaders, body }: WebhookRequest, signal: AbortSignal) {
    // undici takes a while to load: a process that posts nothing does without.
    const undici = await import('undici');
    agent ??= new undici.Agent({
      connect: { lookup: fencedLookup(resolve, fence), timeout: connectTimeoutMs },
    });
    refuseFencedLiteral(url, fence);
    const {
      statusCode,
      headers: received,
      body: rest,
    } = await undici.request(url, {
      method: 'POST',
      headers: { ...ownHeaders, ...headers },
      body: body ?? '',
      dispatcher: agent,
      signal,
    });
    // The status has decided; how reading the rest ends makes no difference.
    const enough = AbortSignal.any([signal, AbortSignal.timeout(bodyLimits.milliseconds)]);
    await rest.dump({ limit: bodyLimits.bytes, signal: enough }).catch(() => {});
    return { status: statusCode, headers: received };
  }

  return async (first, signal, onMoved) => {
    let request = first;
    for (let redirects = 0; ; redirects++) {
      const { status, headers } = await post(request, signal).catch((error: unknown) => {
        throw failure(error, signal);
      });
      if (!redirectStatuses.has(status)) {
        return { status, retryAfter: single(headers['retry-after']), date: single(headers.date) };
      }
      if (redirects === mostRedirects) {
        throw new PermanentError(
          `The receiver redirects more than ${mostRedirects} times; send to its new URL.`,
        );
      }
      if (status === 308) onMoved();
      request = redirected(request, status, single(headers.location));
    }
  };
}

/** The request that follows a redirect. @throws PermanentError when it must not be followed */
function redirected(request: WebhookRequest, status: number, location: string | undefined): WebhookRequest {
  if (status !== 307 && status !== 308) {
    // After 301, 302 and 303 clients go on with GET and without the body, and receivers count on it: following
    // would lose the message and call it delivered.
    throw new PermanentError(
      `The receiver answered ${status}: a POST is not repeated elsewhere after that; send to its new URL.`,
    );
  }
  const url = location === undefined ? null : URL.parse(location, request.url.href);
  if (url === null || urlProblem(url) !== null) {
    throw new PermanentError(`The receiver answered ${status} without a URL that can be followed.`);
  }
  if (request.url.protocol === 'https:' && url.protocol === 'http:') {
    throw new PermanentError(`The receiver answered ${status} with a URL that would give up encryption.`);
  }
  return { ...request, url, ownHeaders: url.origin === request.url.origin ? request.ownHeaders : {} };
}

/** What to throw for a request that got no answer. */
function failure(error: unknown, signal: AbortSignal): unknown {
  if (error instanceof PermanentError) return error;
  if (error instanceof PrivateAddressError) {
    return new PermanentError(
      `The URL leads to an address that is not public (${error.range}); ` +
        'set MULTI_OUTBOX_WEBHOOK_ALLOW_PRIVATE=true if that is meant.',
    );
  }
  if (signal.aborted) return signal.reason;
  // Connecting to several addresses fails with an AggregateError whose code is the first one's.
  const { code, name } = error as NodeJS.ErrnoException;
  return new Error(`The receiver could not be reached: ${code ?? name ?? 'unknown error'}.`);
}

function single(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}
