import { MultiOutboxError } from '../errors.ts';
import { optional } from '../optional-package.ts';
import type { DeliverMail } from './deliver-mail.ts';
import { partialRefusal, smtpFailure } from './smtp-outcome.ts';

/** Idle connections close after this many milliseconds, because an open connection keeps the process alive. */
const idleMs = 500;

/**
 * Sends mails through one pool of SMTP connections, which the first mail opens. The URL can contain nodemailer's
 * options, such as `smtps://user:password@mail.example.com?maxConnections=3`.
 *
 * @throws MultiOutboxError INVALID_CONFIGURATION for any other URL; the error does not show it
 */
export function smtpSender(smtpUrl: string): DeliverMail {
  const url = URL.parse(smtpUrl);
  if (
    url === null ||
    (url.protocol !== 'smtp:' && url.protocol !== 'smtps:') ||
    url.hostname === '' ||
    !isDecodable(url)
  ) {
    throw new MultiOutboxError(
      'INVALID_CONFIGURATION',
      'The SMTP URL (MULTI_OUTBOX_SMTP_URL) is invalid; give a URL like smtps://user:password@mail.example.com:465 ' +
        'and percent-encode special characters in the password.',
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
      // After an abort it is unknown whether the server has accepted the mail, so the mail is retried.
      throw signal.aborted ? signal.reason : smtpFailure(error);
    }
    const refusal = partialRefusal(info);
    if (refusal !== null) throw refusal;
  };
}

/** nodemailer decodes user and password, and throws at a '%' that begins no code. */
function isDecodable({ username, password }: URL): boolean {
  try {
    decodeURIComponent(username);
    decodeURIComponent(password);
    return true;
  } catch {
    return false;
  }
}

function createPool({ createTransport }: typeof import('nodemailer'), url: string) {
  return createTransport({
    url,
    pool: true,
    idleTimeout: idleMs,
    // The work queue's retries replace nodemailer's: they wait longer and are counted.
    maxRequeues: 1,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
}
