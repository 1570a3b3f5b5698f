import { withEitherSignal } from '../either-signal.ts';
import { PermanentError } from '../queue/handler.ts';
import type { HostLookups } from './host-lookups.ts';
import { httpAgents, post } from './http-post.ts';
import {
  type AddressFence,
  fencedLookup,
  PrivateAddressError,
  refuseFencedLiteral,
} from './public-address.ts';
import { urlProblem } from './webhook-schema.ts';

/** One POST request. Header names are lower case. */
export interface WebhookRequest {
  /** Whose message it is: look-ups of host names are shared out by tenant. */
  readonly tenantId: string;
  readonly url: URL;
  readonly body: string | undefined;
  /** Headers that the handler sets. They are also sent after a redirect to another origin. */
  readonly headers: Readonly<Record<string, string>>;
  /** Headers from the message. They can be credentials, so they are not sent to another origin. */
  readonly ownHeaders: Readonly<Record<string, string>>;
}

/** The parts of the answer that decide the outcome. */
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

/**
 * Sends POST requests and follows up to three 307 and 308 redirects. The fence checks every hop. One sender's
 * connections stay open for a few seconds and do not keep the process alive.
 *
 * @throws PermanentError if a retry cannot succeed; the signal's reason if it aborted; else a plain Error. No error
 *   shows a URL or the receiver's text.
 */
export function webhookSender(lookups: HostLookups, fence: AddressFence): SendWebhook {
  const agents = httpAgents();

  async function hop({ tenantId, url, headers, ownHeaders, body }: WebhookRequest, signal: AbortSignal) {
    refuseFencedLiteral(url, fence);
    // A request can end while its look-up waits for a slot, as after the limit for connecting.
    const ended = new AbortController();
    const find = (hostname: string) =>
      withEitherSignal(signal, ended.signal, (either) => lookups.find(hostname, tenantId, either));
    try {
      return await post(url, {
        agents,
        headers: { ...ownHeaders, ...headers },
        body: body ?? '',
        lookup: fencedLookup(find, fence),
        signal,
      });
    } finally {
      ended.abort();
    }
  }

  return async (first, signal, onMoved) => {
    let request = first;
    for (let redirects = 0; ; redirects++) {
      const { status, headers } = await hop(request, signal).catch((error: unknown) => {
        throw failure(error, signal);
      });
      if (!redirectStatuses.has(status)) {
        return { status, retryAfter: headers['retry-after'], date: headers.date };
      }
      if (redirects === mostRedirects) {
        throw new PermanentError(
          `The receiver redirected the request more than ${mostRedirects} times; put its new URL in the message.`,
        );
      }
      if (status === 308) onMoved();
      request = redirected(request, status, headers.location);
    }
  };
}

/** The next request after a redirect. @throws PermanentError if the redirect must not be followed */
function redirected(request: WebhookRequest, status: number, location: string | undefined): WebhookRequest {
  if (status !== 307 && status !== 308) {
    // After 301, 302 and 303 a client sends GET without the body, and receivers expect that. Following the redirect
    // would lose the message and report it as delivered.
    throw new PermanentError(
      `The receiver answered ${status}, a redirect that would turn the POST into a GET, so it was not followed; put the receiver's new URL in the message.`,
    );
  }
  const url = location === undefined ? null : URL.parse(location, request.url.href);
  if (url === null || urlProblem(url) !== null) {
    throw new PermanentError(
      `The receiver answered ${status} but gave no valid URL to redirect to; put the receiver's current URL in the message.`,
    );
  }
  if (request.url.protocol === 'https:' && url.protocol === 'http:') {
    throw new PermanentError(
      `The receiver answered ${status} and redirected from https to http, which is refused; send to an https URL.`,
    );
  }
  return { ...request, url, ownHeaders: url.origin === request.url.origin ? request.ownHeaders : {} };
}

/** The error to throw for a request without an answer. */
function failure(error: unknown, signal: AbortSignal): unknown {
  if (error instanceof PermanentError) return error;
  if (error instanceof PrivateAddressError) {
    return new PermanentError(
      `The URL leads to an address that is not public (${error.range}), so the request was not sent; ` +
        'set MULTI_OUTBOX_WEBHOOK_ALLOW_PRIVATE=true to allow such addresses.',
    );
  }
  if (signal.aborted) return signal.reason;
  // If several addresses fail, Node throws an AggregateError with the code of the first error.
  const { code, name } = error as NodeJS.ErrnoException;
  return new Error(
    `The receiver could not be reached: ${code ?? name ?? 'unknown error'}; check the message's URL, and that the receiver runs.`,
  );
}
