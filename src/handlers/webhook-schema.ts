import * as v from 'valibot';
import { namedValues } from '../queue/named-values.ts';
import { withoutValues } from '../queue/schema-issues.ts';
import { strictly } from './payload-issues.ts';

/** Headers that the handler or the HTTP client sets; a message must not contain them. */
const reservedHeaders = new Set([
  'idempotency-key',
  'traceparent',
  'tracestate',
  'user-agent',
  'webhook-id',
  'webhook-signature',
  'webhook-timestamp',
  'connection',
  'content-length',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** The problem with a URL, or null if it may be called. The text does not show the URL, because its path may be secret. */
export function urlProblem(url: URL): string | null {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return 'must begin with https:// or http://';
  if (url.username !== '' || url.password !== '') {
    return 'must not contain a user name or password; send an authorization header instead';
  }
  return null;
}

const url = v.pipe(
  v.string('must be text'),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const parsed = URL.parse(dataset.value);
    const problem =
      parsed === null ? 'must be an absolute URL such as https://example.com/hook' : urlProblem(parsed);
    if (problem === null) return parsed as URL;
    addIssue({ message: problem });
    return NEVER;
  }),
);

const headerName = v.pipe(
  v.string('must be text'),
  v.regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'must be a header name'),
  v.toLowerCase(),
  v.check((name) => !reservedHeaders.has(name), 'must not be a header that webhook.post sets itself'),
);
const headerValue = v.pipe(
  v.string('must be text'),
  v.regex(/^[\t\x20-\x7e]*$/, 'must be printable ASCII on one line'),
);

function hasNamesThatDifferInCase(headers: unknown): boolean {
  if (typeof headers !== 'object' || headers === null) return false;
  const names = Object.keys(headers);
  return new Set(names.map((name) => name.toLowerCase())).size < names.length;
}

/**
 * The payload of webhook.post:
 *
 *     { "url": "https://example.com/hook", "body": { "orderId": 7 }, "headers": { "authorization": "Bearer …" } }
 *
 * A text `body` is sent byte for byte, as text/plain unless the message gives a content-type; any other `body` is sent
 * as JSON, exactly as it stands in the message's payload. Issues never show a value.
 */
export const webhookPayload = withoutValues(
  v.strictObject(
    {
      url,
      body: v.optional(
        v.pipe(
          v.unknown(),
          // A lone surrogate has no UTF-8 form: the receiver would get another character.
          v.check((body) => typeof body !== 'string' || body.isWellFormed(), 'is not well-formed Unicode'),
        ),
      ),
      headers: v.optional(
        v.nullable(
          v.pipe(
            v.custom<Record<string, unknown>>(
              (headers) => !hasNamesThatDifferInCase(headers),
              'must not have two names that differ only in case: they are one header',
            ),
            namedValues(headerName, headerValue, 'must be an object of header names and values'),
          ),
        ),
      ),
    },
    strictly('url, body, headers'),
  ),
);

/** A payload of webhook.post, checked: a text `body` is sent as it is, any other as JSON. */
export type WebhookPayload = v.InferOutput<typeof webhookPayload>;
