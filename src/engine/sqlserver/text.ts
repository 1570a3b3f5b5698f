/**
 * Text and durations on their way into the database and back. Not every server keeps the character U+0000 in text, so
 * it is stored escaped: U+0010 '0' stands for it, and U+0010 twice for U+0010 itself.
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

/** An error as it is kept (Q14): cut; lone surrogates, which JSON cannot carry, replaced. */
export function keptError(error: string): string {
  return escapeNul(cutError(error).toWellFormed());
}

/** The longest delay that T-SQL's DATEADD takes in whole seconds, with room to spare: about 47 years. */
const longestMs = 1_500_000_000_000;

export const wholeMs = wholeMsUpTo(longestMs);
