import { MultiOutboxError } from '../errors.ts';
import { optional } from '../optional-package.ts';
import type { DeliverMail } from './deliver-mail.ts';
import { TenantSlots } from './tenant-slots.ts';

/** Idle connections close after this many milliseconds, because an open connection keeps the process alive. */
const idleMs = 500;
/** As nodemailer's own default. */
const usualConnections = 5;

/**
 * Sends mails through one pool of SMTP connections, which the first mail opens. The URL can contain nodemailer's
 * options, such as `smtps://user:password@mail.example.com?maxConnections=3`. One tenant uses at most half of the
 * connections, rounded up: a server may take long over the mails of one tenant, for example over a recipient's domain
 * that does not answer it.
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
    throw wrongUrl();
  }

  const total = connectionsOf(url);
  const slots = new TenantSlots({ total, perTenant: Math.ceil(total / 2) });
  let pool: ReturnType<typeof createPool> | undefined;
  return async (mail, _message, { tenant, signal }) => {
    const nodemailer = await optional('nodemailer', () => import('nodemailer'));
    const { partialRefusal, smtpFailure } = await import('./smtp-outcome.ts');
    pool ??= createPool(nodemailer, smtpUrl);
    const transport = pool;
    let info: Parameters<typeof partialRefusal>[0];
    try {
      info = await slots.use(tenant.id, () => transport.sendMail({ ...mail, signal }), signal);
    } catch (error) {
      // After an abort it is unknown whether the server has accepted the mail, so the mail is retried.
      throw signal.aborted ? signal.reason : smtpFailure(error);
    }
    const refusal = partialRefusal(info);
    if (refusal !== null) throw refusal;
  };
}

export function wrongUrl(): MultiOutboxError {
  return new MultiOutboxError(
    'INVALID_CONFIGURATION',
    'The SMTP URL (MULTI_OUTBOX_SMTP_URL) is invalid; give a URL like smtps://user:password@mail.example.com:465 ' +
      'and percent-encode special characters in the password.',
  );
}

function connectionsOf({ searchParams }: URL): number {
  const given = Number(searchParams.get('maxConnections'));
  return Number.isSafeInteger(given) && given > 0 ? given : usualConnections;
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
