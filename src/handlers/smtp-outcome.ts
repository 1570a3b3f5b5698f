import type { NodemailerError } from 'nodemailer';
import { PermanentError } from '../queue/handler.ts';

/** SMTP commands whose replies are about the mail and not about the session. */
const mailCommands = new Set(['MAIL FROM', 'RCPT TO', 'DATA']);

/**
 * Replies that are permanent by their first digit but are about the session: wrong sequence, missing or refused login,
 * missing encryption. The mail can be sent once the settings are corrected.
 */
const sessionReplies = new Set([503, 530, 534, 535, 538]);

/** Whether the server will never accept this mail. */
function isFinal({ code, command, responseCode }: NodemailerError): boolean {
  // nodemailer refused the mail before sending it: it is too large for the server, or its envelope is invalid.
  if (!responseCode) return code === 'EENVELOPE' || code === 'EMESSAGE';
  const judgesMail = mailCommands.has(command ?? '');
  return judgesMail && responseCode >= 500 && responseCode <= 599 && !sessionReplies.has(responseCode);
}

/** The codes of a server's reply, such as '550 5.1.1'. The text after them is left out: it can quote addresses or content. */
function replyCodes({ response }: NodemailerError): string | undefined {
  return /^\d{3}(?:[ -]\d\.\d{1,3}\.\d{1,3}\b)?/.exec(response ?? '')?.[0].replace('-', ' ');
}

/**
 * The error to throw for a mail that the server did not accept: a PermanentError if it never will, else a plain Error,
 * which is retried. A refused login is retried, because a wrong password must not make messages Dead. The errors have no
 * cause, because the cause can contain parts of the mail.
 */
export function smtpFailure(thrown: unknown): Error {
  const error = thrown as NodemailerError & { originalCode?: string };
  const reply = replyCodes(error);
  const at = error.command === undefined ? '' : ` (${error.command})`;
  if (isFinal(error)) {
    return new PermanentError(
      reply === undefined
        ? 'The mail cannot be sent, because it is too large for the mail server or its envelope is invalid; make it smaller, or correct its addresses.'
        : `The mail server refuses the mail: ${reply}${at}; correct the mail, and enqueue it again.`,
    );
  }
  if (error.code === 'EAUTH' || error.code === 'ENOAUTH' || error.code === 'EOAUTH2') {
    return new Error(
      `The mail server refused the login: ${reply ?? error.code}; check MULTI_OUTBOX_SMTP_URL.`,
    );
  }
  if (reply !== undefined)
    return new Error(
      `The mail server cannot take the mail now: ${reply}${at}; each retry of the message sends the mail again.`,
    );
  const codes = [error.code, error.originalCode].filter((code) => code !== undefined).join(' ');
  return new Error(
    `The mail could not be handed to the mail server: ${codes || error.name}; check MULTI_OUTBOX_SMTP_URL, and that the server runs. Each retry of the message sends the mail again.`,
  );
}

/**
 * The error to throw for a mail that the server accepted for some recipients only; null if it accepted it for all.
 *
 * The message is not Done, because a missing recipient would go unnoticed. If the server refused a recipient
 * temporarily, the mail is sent again to all of them; recipients who have it get a duplicate with the same Message-ID,
 * which many mail systems drop. If every refusal is permanent, the message becomes Dead. To avoid duplicates, enqueue
 * one message for each recipient.
 */
export function partialRefusal(info: {
  readonly accepted?: readonly unknown[];
  readonly rejectedErrors?: readonly NodemailerError[];
}): Error | null {
  const refusals = info.rejectedErrors ?? [];
  if (refusals.length === 0) return null;
  const all = refusals.length + (info.accepted?.length ?? 0);
  const codes = [...new Set(refusals.map((refusal) => replyCodes(refusal) ?? 'no reply'))].join(', ');
  const text = `The mail server did not accept the mail for ${refusals.length} of ${all} recipients: ${codes}`;
  return refusals.every(isFinal)
    ? new PermanentError(`${text}; the other recipients have it, so a replay would send it to them again.`)
    : new Error(`${text}; the next attempt sends it to all recipients again.`);
}
