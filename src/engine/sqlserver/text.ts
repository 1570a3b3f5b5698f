/**
 * Converts text and durations for the database, and text back. Not every server keeps the character U+0000 in text, so
 * it is stored as U+0010 '0', and U+0010 itself is doubled.
 */
import { cutError, wholeMsUpTo } from '../stored-values.ts';

const nul = '\u0000';
const escapeCharacter = '\u0010';

export function hasNul(text: string): boolean {
  return text.includes(nul);
}

export function escapeNul(text: string): string {
  if (!text.includes(nul) && !text.includes(escapeCharacter)) return text;
  return text
    .replaceAll(escapeCharacter, escapeCharacter + escapeCharacter)
    .replaceAll(nul, `${escapeCharacter}0`);
}

export function unescapeNul(text: string): string {
  if (!text.includes(escapeCharacter)) return text;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape is one
  return text.replace(/\u0010([0\u0010])/g, (_, next: string) => (next === '0' ? nul : escapeCharacter));
}

/** An error's text to store (Q14): cut, and with lone surrogates replaced, which JSON cannot contain. */
export function keptError(error: string): string {
  return escapeNul(cutError(error).toWellFormed());
}

/** About 47 years, well below the most seconds that T-SQL's DATEADD takes. */
const longestMs = 1_500_000_000_000;

export const wholeMs = wholeMsUpTo(longestMs);
