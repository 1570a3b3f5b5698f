import { MultiOutboxError } from '../errors.ts';
import { defineHandler, type Handler, type HandlerContext, type Message } from '../queue/handler.ts';
import { type EmailPayload, emailPayload } from './email-schema.ts';
import { composeMail } from './mail-composition.ts';
import { mailFolder } from './mail-folder.ts';
import { smtpSender } from './smtp-sender.ts';

export interface EmailOptions {
  /** `smtp://` or `smtps://` with user and password, where needed. Without it mails become files. */
  readonly smtpUrl?: string;
  /** Sender of mails that name none, such as `Orders <orders@example.com>`. */
  readonly from?: string;
  /** Where the files go: `<folder>/<tenant id>/<message id>.eml`. Not used with `smtpUrl`. */
  readonly folder?: string;
  /** Milliseconds one attempt may take; the fleet's setting when absent. */
  readonly timeoutMs?: number;
}

// Files need no sender that anybody could answer, so that the first mail works without any setting.
const senderOfFiles = 'multi-outbox@localhost';

/**
 * The handler of `email.send`: sends the mail that the payload describes (see `emailPayload`) by SMTP, or writes
 * it to a file while no server is set.
 *
 * What a server refuses for good (5xx) is Dead; what it puts off (4xx), a server that cannot be reached and a
 * refused login are retried. For mails taken for some recipients only, see `partialRefusal`.
 *
 * @throws MultiOutboxError INVALID_CONFIGURATION for an SMTP URL of another kind, and with neither a server nor a folder
 */
export function emailSend({ smtpUrl, from, folder, timeoutMs }: EmailOptions = {}): Handler {
  const deliver = smtpUrl === undefined ? mailFolder(given(folder)) : smtpSender(smtpUrl);
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
