import * as v from 'valibot';
import { namedValues } from '../queue/named-values.ts';
import { withoutValues } from '../queue/schema-issues.ts';
import { strictly } from './payload-issues.ts';

/** Headers that the handler sets itself, or that have a payload field of their own. */
const reservedHeaders =
  /^(?:from|sender|to|cc|bcc|reply-to|subject|date|message-id|mime-version|content-.*|return-path|received|resent-.*|dkim-signature|x-idempotency-key)$/i;

// A header may contain a tab; any other control character could end the header and start another.
const line = v.pipe(
  v.string('must be text'),
  v.check((text) => !/(?!\t)\p{Cc}/u.test(text), 'must be one line without control characters'),
);
const filled = v.pipe(line, v.nonEmpty('must not be empty'));
const addresses = v.union(
  [filled, v.array(filled)],
  'must be an address or a list of addresses, each on one line',
);

/** Accepts base64 with or without line breaks and padding. It makes only one pass, because attachments are large. */
function isBase64(text: string): boolean {
  const trimmed = text.trimEnd();
  const padding = trimmed.endsWith('==') ? 2 : trimmed.endsWith('=') ? 1 : 0;
  return !/[^A-Za-z0-9+/\r\n]/.test(trimmed.slice(0, trimmed.length - padding));
}

/** An attachment's content comes from the message. Paths and URLs are not accepted: they would expose the dispatcher's files. */
const attachment = v.strictObject(
  {
    filename: v.nullish(filled),
    content: v.pipe(v.string('must be text in base64'), v.check(isBase64, 'must be base64')),
    contentType: v.nullish(
      v.pipe(
        filled,
        v.regex(
          /^(?!multipart\/)[\w.+-]+\/[\w.+-]+(?:\s*;.*)?$/i,
          'must be a media type such as application/pdf',
        ),
      ),
    ),
    /** For images in the html part: <img src="cid:…">. */
    contentId: v.nullish(v.pipe(filled, v.regex(/^[^\s<>]+$/, "must not contain spaces, '<' or '>'"))),
  },
  strictly('content (base64), filename, contentType, contentId'),
);

const headers = namedValues(
  v.pipe(
    v.string('must be text'),
    v.regex(/^[A-Za-z0-9-]{1,76}$/, 'must be a header name'),
    v.check((name) => !reservedHeaders.test(name), 'must not be a header that email.send sets itself'),
  ),
  line,
  'must be an object of header names and values',
);

const isGiven = (value: unknown) => value !== undefined && value !== null && value !== '';

/**
 * The payload of email.send. A recipient field is a list, or text as in a mail's header:
 *
 *     { "to": "Ann <ann@example.com>, bob@example.com", "subject": "Order 7", "text": "It is on its way." }
 *
 * Absent fields may be null. Issues never show a value.
 */
export const emailPayload = withoutValues(
  v.pipe(
    v.strictObject(
      {
        to: v.nullish(addresses),
        cc: v.nullish(addresses),
        bcc: v.nullish(addresses),
        from: v.nullish(filled),
        replyTo: v.nullish(addresses),
        subject: v.nullish(line),
        text: v.nullish(v.string('must be text')),
        html: v.nullish(v.string('must be text')),
        headers: v.nullish(headers),
        attachments: v.nullish(v.array(attachment, 'must be a list')),
      },
      strictly('to, cc, bcc, from, replyTo, subject, text, html, headers, attachments'),
    ),
    v.check(
      ({ to, cc, bcc }) => [to, cc, bcc].some((field) => isGiven(field) && field!.length > 0),
      'must have a recipient: give to, cc or bcc',
    ),
    v.check(
      ({ text, html, attachments }) => isGiven(text) || isGiven(html) || (attachments?.length ?? 0) > 0,
      'must have content: give text, html or attachments',
    ),
  ),
);

/** A payload of email.send, checked; docs/handlers.md describes the fields. */
export type EmailPayload = v.InferOutput<typeof emailPayload>;
