import { MultiOutboxError, shownValue } from '../errors.ts';
import { type NamesOf, optionsOf } from '../options.ts';
import { defineHandler, type Handler, type HandlerContext, type Message } from '../queue/handler.ts';
import type { DurationInput } from '../settings.ts';
import { type EmailPayload, emailPayload } from './email-schema.ts';
import { composeMail } from './mail-composition.ts';
import { mailFolder } from './mail-folder.ts';
import { smtpSender, wrongUrl } from './smtp-sender.ts';

export interface EmailOptions {
  /** `smtp://` or `smtps://`, with user and password where needed. Without it, mails are written to files. */
  readonly smtpUrl?: string;
  /** The sender when the payload names none, such as `Orders <orders@example.com>`. */
  readonly from?: string;
  /** The folder for the files: `<folder>/<tenant id>/<message id>.eml`. Required without `smtpUrl`, ignored with it. */
  readonly folder?: string;
  /** The most time for one attempt: milliseconds, or text such as '10s'. Default: the fleet's setting. */
  readonly timeoutMs?: DurationInput;
}

const optionNames: NamesOf<EmailOptions> = { smtpUrl: true, from: true, folder: true, timeoutMs: true };

// A file needs no sender that can receive replies, so the first mail works without any setting.
const senderOfFiles = 'multi-outbox@localhost';

/**
 * The handler of `email.send`: sends the mail that the payload describes (`EmailPayload`) by SMTP, or writes it to a file if
 * no server is set.
 *
 * A permanent refusal (5xx) makes the message Dead. A temporary refusal (4xx), an unreachable server and a refused
 * login are retried. Of a mail that is refused for some recipients only, a temporary refusal has the whole mail sent again, and
 * permanent ones make the message Dead; the other recipients have it.
 *
 * @throws MultiOutboxError INVALID_CONFIGURATION for a wrong SMTP URL, or without `smtpUrl` and `folder`
 */
export function emailSend(options: EmailOptions = {}): Handler {
  const { smtpUrl, from, folder, timeoutMs } = optionsOf(
    'emailSend',
    options,
    optionNames,
    'INVALID_CONFIGURATION',
  );
  if (smtpUrl !== undefined && typeof smtpUrl !== 'string') throw wrongUrl();
  const deliver = smtpUrl === undefined ? mailFolder(given(folder)) : smtpSender(smtpUrl);
  if (from !== undefined && typeof from !== 'string')
    throw new MultiOutboxError(
      'INVALID_CONFIGURATION',
      `emailSend: 'from' must be an address such as 'Shop <shop@example.com>', got ${shownValue(from)}.`,
    );
  const fallbackFrom = from ?? (smtpUrl === undefined ? senderOfFiles : undefined);
  return defineHandler({
    topic: 'email.send',
    schema: emailPayload,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    async handle(message: Message<EmailPayload>, context: HandlerContext) {
      await deliver(await composeMail(message, context, fallbackFrom), message, context);
    },
  });
}

function given(folder: string | undefined): string {
  if (folder !== undefined && folder !== '') return folder;
  throw new MultiOutboxError(
    'INVALID_CONFIGURATION',
    "emailSend: set 'smtpUrl', such as smtps://user:password@mail.example.com:465, to send mails, or 'folder' to write them to files.",
  );
}
