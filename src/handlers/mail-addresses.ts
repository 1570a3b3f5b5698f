/**
 * Reads the address lists of a mail. nodemailer's parser skips whatever it cannot read, and the mail would then reach
 * only the other recipients. So the text is first checked against a grammar that skips nothing, and the grammar and the
 * parser must find the same addresses.
 */
import type { Address } from 'nodemailer';

/** nodemailer's `addressparser`. */
export type ParseAddresses = (text: string, options: { flatten: true }) => Address[];

// Beyond ASCII only letters, digits and marks are allowed: a full-width comma or a non-breaking blank would hide a
// second address.
const atom = String.raw`(?:[\w!#$%&'*+/=?^\x60{|}~.-]|(?![\0-\x7f])[\p{L}\p{N}\p{M}])+`;
const domain = String.raw`(?:(?:[\w.-]|(?![\0-\x7f])[\p{L}\p{N}\p{M}])+|\[[\w:.]+\])`;
const address = `(${atom}@${domain})`;
const comment = String.raw`\([^()@]*\)`;
const quoted = String.raw`"(?:[^"\\]|\\.)*"`;
/** A quoted part; one that is not closed takes the rest of the text, which is then not a mailbox. */
const quotedToken = String.raw`"(?:[^"\\]|\\[^])*(?:"|\\?$)`;
/** A name before an address in angle brackets: quoted parts, comments and words. */
const name = `(?:${quoted}|${comment}|[^"<>()@:\\\\])*`;
const mailbox = new RegExp(String.raw`^(?:${name}<\s*${address}\s*>|${address})\s*(?:${comment}\s*)?$`, 'u');
/** `Name: a@example.com, b@example.com;` is a group. */
const groupName = /^[^"<>()@:,;]+:/;
const tokens = new RegExp(String.raw`${quotedToken}|\([^()]*\)|[,;]|[^",;(]+|\(`, 'gu');

/** The mailboxes of a list such as `Ann <ann@example.com>, bob@example.com`; null if any part of it is not a mailbox. */
export function readAddresses(text: string, parse: ParseAddresses): Address[] | null {
  const expected: string[] = [];
  for (const part of partsOf(text)) {
    const found = mailbox.exec(part.replace(groupName, '').trim());
    if (found === null) return null;
    expected.push(found[1] ?? found[2]!);
  }
  const parsed = parse(text, { flatten: true });
  const isSame =
    parsed.length === expected.length && parsed.every(({ address }, index) => address === expected[index]);
  return isSame && parsed.length > 0 ? parsed.map(({ name, address }) => ({ name, address })) : null;
}

/** Splits a list at the commas and semicolons that are outside quotes and comments. Empty parts are left out. */
function partsOf(text: string): string[] {
  const parts = [''];
  for (const [token] of text.matchAll(tokens)) {
    if (token === ',' || token === ';') parts.push('');
    else parts.push(parts.pop()! + token);
  }
  return parts.filter((part) => part.trim() !== '');
}
