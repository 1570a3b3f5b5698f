import { domainToASCII } from 'node:url';
import type { Address, SendMailOptions } from 'nodemailer';
import { optional } from '../optional-package.ts';
import { type HandlerContext, type Message, PermanentError } from '../queue/handler.ts';
import type { EmailPayload } from './email-schema.ts';

/**
 * The mail of a message, as nodemailer takes it. Every attempt has the same Message-ID and X-Idempotency-Key,
 * by which mail systems and people recognise a duplicate.
 *
 * @param fallbackFrom the sender when the payload names none
 * @throws PermanentError when an address cannot be read; a plain Error when there is no sender at all, since
 *   that is the settings' fault and not the message's
 */
export async function composeMail(
  { messageId, data }: Message<EmailPayload>,
  context: HandlerContext,
  fallbackFrom: string | undefined,
): Promise<SendMailOptions> {
  const { default: parse } = await optional('nodemailer', () => import('nodemailer/lib/addressparser'));

  function read(field: string, value: string | readonly string[] | null | undefined): Address[] {
    return [value ?? []].flat().flatMap((text) => {
      const parsed = parse(text, { flatten: true });
      // What the parser cannot place it leaves without an address, and the mail would go to the others alone.
      if (parsed.length === 0 || !parsed.every(({ address }) => isAddress(address))) {
        throw new PermanentError(`The payload's '${field}' holds something that is not a mail address.`);
      }
      return parsed.map(({ name, address }) => ({ name, address }));
    });
  }

  const senders = read('from', data.from ?? fallbackFrom);
  const [from] = senders;
  if (from === undefined) {
    throw new Error("The mail has no sender: give the payload a 'from', or set MULTI_OUTBOX_MAIL_FROM.");
  }
  if (senders.length > 1) throw new PermanentError("The payload's 'from' holds more than one address.");

  return {
    from,
    to: read('to', data.to),
    cc: read('cc', data.cc),
    bcc: read('bcc', data.bcc),
    replyTo: read('replyTo', data.replyTo),
    subject: data.subject ?? '',
    messageId: mailMessageId(messageId, context.tenant.id, from),
    ...(data.text == null ? {} : { text: data.text }),
    ...(data.html == null ? {} : { html: data.html }),
    // A list, not an object: an object with the keys 'key' and 'value' would be taken for one header of any name.
    headers: [
      ...Object.entries(data.headers ?? {}).map(([key, value]) => ({ key, value })),
      { key: 'X-Idempotency-Key', value: context.idempotencyKey },
    ],
    attachments: (data.attachments ?? []).map(({ content, filename, contentType, contentId }) => ({
      content: Buffer.from(content, 'base64'),
      ...(filename == null ? {} : { filename }),
      ...(contentType == null ? {} : { contentType }),
      ...(contentId == null ? {} : { cid: contentId }),
    })),
    newline: 'windows',
    xMailer: false,
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}

function isAddress(address: string | undefined): boolean {
  return address !== undefined && /^[^\s<>]+@[^\s<>@]+$/.test(address);
}

/** `<message id>.<tenant id>@<the sender's domain>`; the ids are cut down to what needs no quoting. */
function mailMessageId(messageId: string, tenantId: string, from: Address): string {
  const domain = domainToASCII(from.address?.split('@').at(-1) ?? '') || 'localhost';
  return `<${messageId}.${tenantId.replace(/[^\w-]+/g, '-')}@${domain}>`;
}
