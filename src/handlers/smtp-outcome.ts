import type { NodemailerError } from 'nodemailer';
import { PermanentError } from '../queue/handler.ts';

/** Commands by which a server judges the mail, as opposed to the session. */
const mailCommands = new Set(['MAIL FROM', 'RCPT TO', 'DATA']);

/**
 * Permanent by their first digit, yet about the session: out of sequence, no login or a refused one, encryption
 * missing. Somebody mends the settings, and the mail goes out.
 */
const sessionReplies = new Set([503, 530, 534, 535, 538]);

/** True when the server will never take this mail. */
function isFinal({ code, command, responseCode }: NodemailerError): boolean {
  // Refused before anything was sent: too large for the server, or an envelope that no server would take.
  if (!responseCode) return code === 'EENVELOPE' || code === 'EMESSAGE';
  const judgesMail = mailCommands.has(command ?? '');
  return judgesMail && responseCode >= 500 && responseCode <= 599 && !sessionReplies.has(responseCode);
}

/** '550 5.1.1' of a server's reply; the words after it may quote addresses or content and are left out. */
function replyCodes({ response }: NodemailerError): string | undefined {
  return /^\d{3}(?:[ -]\d\.\d{1,3}\.\d{1,3}\b)?/.exec(response ?? '')?.[0].replace('-', ' ');
}

/**
 * What to throw for a mail that the server did not take: a PermanentError when it never will, else a plain
 * Error, to be tried again. Refused logins are tried again: a wrong password must not kill messages. Neither
 * holds anything of the mail, hence no cause.
 */
export function smtpFailure(thrown: unknown): Error {
  const error = thrown as NodemailerError & { originalCode?: string };
  const reply = replyCodes(error);
  const at = error.command === undefined ? '' : ` (${error.command})`;
  if (isFinal(error)) {
    return new PermanentError(
      reply === undefined
        ? 'The mail cannot be sent: it is too large for the mail server or its envelope is invalid.'
        : `The mail server refuses the mail: ${reply}${at}.`,
    );
  }
  if (error.code === 'EAUTH' || error.code === 'ENOAUTH' || error.code === 'EOAUTH2') {
    return new Error(
      `The mail server refused the login: ${reply ?? error.code}; check MULTI_OUTBOX_SMTP_URL.`,
    );
  }
  if (reply !== undefined) return new Error(`The mail server does not take the mail now: ${reply}${at}.`);
  const codes = [error.code, error.originalCode].filter((code) => code !== undefined).join(' ');
  return new Error(`The mail server could not be used: ${codes || error.name}.`);
}

/**
 * What to throw for a mail that the server took for some recipients only; null when it took it for all.
 *
 * The message is not Done: somebody did not get the mail, and nobody would learn of it. While the server only
 * put some off, the mail is tried again for all of them; those who have it get a duplicate with the same
 * Message-ID, which many mail systems drop. What is refused for good goes to Dead. Where duplicates are worse
 * than that, enqueue one message for each recipient.
 */
export function partialRefusal(info: {
  readonly accepted?: readonly unknown[];
  readonly rejectedErrors?: readonly NodemailerError[];
}): Error | null {
  const refusals = info.rejectedErrors ?? [];
  if (refusals.length === 0) return null;
  const all = refusals.length + (info.accepted?.length ?? 0);
  const codes = [...new Set(refusals.map((refusal) => replyCodes(refusal) ?? 'no reply'))].join(', ');
  const text = `The mail server did not take the mail for ${refusals.length} of ${all} recipients: ${codes}`;
  return refusals.every(isFinal)
    ? new PermanentError(`${text}; the others have it, so a replay sends it to them again.`)
    : new Error(`${text}; it is sent to all of them again.`);
}
