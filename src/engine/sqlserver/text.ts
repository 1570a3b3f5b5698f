/**
 * Text and durations on their way into the database and back. Not every server keeps the character U+0000 in text, so
 * it is stored escaped: U+0010 '0' stands for it, and U+0010 twice for U+0010 itself.
 */
import { messageLimits } from '../work-queue.ts';

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

/** An error as it is kept (Q14): cut, never through a character; lone surrogates, which JSON cannot carry, replaced. */
export function keptError(error: string): string {
  const limit = messageLimits.errorCharacters;
  const cut =
    error.length <= limit ? error : error.slice(0, isHighSurrogate(error, limit - 1) ? limit - 1 : limit);
  return escapeNul(cut.toWellFormed());
}

function isHighSurrogate(text: string, index: number): boolean {
  const code = text.charCodeAt(index);
  return code >= 0xd800 && code <= 0xdbff;
}

/** The longest delay that T-SQL's DATEADD takes in whole seconds, with room to spare: about 47 years. */
const longestMs = 1_500_000_000_000;

/** A duration as the procedures take it: whole milliseconds, not negative, finite. */
export function wholeMs(durationMs: number): number {
  if (Number.isNaN(durationMs)) return 0;
  return Math.min(Math.max(0, Math.ceil(durationMs)), longestMs);
}
