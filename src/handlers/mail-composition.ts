import { domainToASCII } from 'node:url';
import type { Address, SendMailOptions } from 'nodemailer';
import { optional } from '../optional-package.ts';
import { type HandlerContext, type Message, PermanentError } from '../queue/handler.ts';
import type { EmailPayload } from './email-schema.ts';
import { fieldsOnce } from './fields-once.ts';
import { type ParseAddresses, readAddresses } from './mail-addresses.ts';

/**
 * Composes the mail of a message, in nodemailer's format. Every attempt has the same Message-ID and X-Idempotency-Key,
 * so that mail systems and people can recognise a duplicate.
 *
 * @param fallbackFrom the sender when the payload names none
 * @throws PermanentError when an address is invalid or a field is there twice; a plain Error when the sender is missing,
 *   because the settings and not the message are then wrong
 */
export async function composeMail(
  { messageId, payload, data }: Message<EmailPayload>,
  context: HandlerContext,
  fallbackFrom: string | undefined,
): Promise<SendMailOptions> {
  fieldsOnce(payload);
  const { default: parse } = await optional('nodemailer', () => import('nodemailer/lib/addressparser'));

  function read(field: string, value: string | readonly string[] | null | undefined): Address[] {
    return [value ?? []].flat().flatMap((text) => {
      const addresses = readAddresses(text, parse as ParseAddresses);
      if (addresses !== null) return addresses;
      throw new PermanentError(
        `The payload's '${field}' contains text that is not a mail address; give addresses such as ann@example.com, with commas between them.`,
      );
    });
  }

  const senders = read('from', data.from ?? fallbackFrom);
  const [from] = senders;
  if (from === undefined) {
    throw new Error("The mail has no sender: give the payload a 'from', or set MULTI_OUTBOX_MAIL_FROM.");
  }
  if (senders.length > 1)
    throw new PermanentError("The payload's 'from' has more than one address; give one sender.");

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
    // The headers are a list, because nodemailer reads an object with the keys 'key' and 'value' as one header of any
    // name.
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

/** `<message id>.<tenant id>@<the sender's domain>`; characters of the tenant id that would need quoting become '-'. */
function mailMessageId(messageId: string, tenantId: string, from: Address): string {
  const domain = domainToASCII(from.address?.split('@').at(-1) ?? '') || 'localhost';
  return `<${messageId}.${tenantId.replace(/[^\w-]+/g, '-')}@${domain}>`;
}
