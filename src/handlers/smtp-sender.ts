import { MultiOutboxError } from '../errors.ts';
import { optional } from '../optional-package.ts';
import type { DeliverMail } from './deliver-mail.ts';
import { partialRefusal, smtpFailure } from './smtp-outcome.ts';

/** Open connections end after this many idle milliseconds: they keep the process from ending. */
const idleMs = 500;

/**
 * Sends mails through one pool of SMTP connections, opened with the first mail. nodemailer's options may stand in
 * the URL, such as `smtps://user:password@mail.example.com?maxConnections=3`.
 *
 * @throws MultiOutboxError INVALID_CONFIGURATION for a URL of another kind; the error does not show it
 */
export function smtpSender(smtpUrl: string): DeliverMail {
  const url = URL.parse(smtpUrl);
  if (url === null || (url.protocol !== 'smtp:' && url.protocol !== 'smtps:') || url.hostname === '') {
    throw new MultiOutboxError(
      'INVALID_CONFIGURATION',
      'The SMTP URL (MULTI_OUTBOX_SMTP_URL) must be like smtps://user:password@mail.example.com:465, with ' +
        'special characters of the password percent-encoded.',
    );
  }

  let pool: ReturnType<typeof createPool> | undefined;
  return async (mail, _message, { signal }) => {
    const nodemailer = await optional('nodemailer', () => import('nodemailer'));
    pool ??= createPool(nodemailer, smtpUrl);
    let info: Parameters<typeof partialRefusal>[0];
    try {
      info = await pool.sendMail({ ...mail, signal });
    } catch (error) {
      // The connection was cut. Whether the server had taken the mail is unknown, so it is tried again.
      throw signal.aborted ? signal.reason : smtpFailure(error);
    }
    const refusal = partialRefusal(info);
    if (refusal !== null) throw refusal;
  };
}

function createPool({ createTransport }: typeof import('nodemailer'), url: string) {
  return createTransport({
    url,
    pool: true,
    idleTimeout: idleMs,
    // The queue's own retries wait longer and are counted.
    maxRequeues: 1,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
}
