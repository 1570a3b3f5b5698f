/** How every engine stores and reads values of messages. */
import { messageLimits } from './work-queue.ts';

const noHeaders: Readonly<Record<string, string>> = Object.freeze({});

/**
 * Parses stored headers. Other programs may have stored values that are not strings; those are returned as
 * JSON text.
 */
export function headersOf(stored: string | null): Readonly<Record<string, string>> {
  if (stored === null) return noHeaders;
  const parsed: unknown = JSON.parse(stored);
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return noHeaders;
  const entries = Object.entries(parsed);
  if (entries.every(([, value]) => typeof value === 'string')) return parsed as Record<string, string>;
  return Object.fromEntries(
    entries.map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]),
  );
}

/** Cuts an error to the length that is stored (Q14), never through the middle of a surrogate pair. */
export function cutError(error: string): string {
  const limit = messageLimits.errorCharacters;
  if (error.length <= limit) return error;
  const last = error.charCodeAt(limit - 1);
  return error.slice(0, last >= 0xd800 && last <= 0xdbff ? limit - 1 : limit);
}

/**
 * Returns a function that converts a duration to the form that a database accepts: whole milliseconds, from 0
 * to the longest duration that the database can add to a time.
 */
export function wholeMsUpTo(longestMs: number): (durationMs: number) => number {
  return (durationMs) =>
    Number.isNaN(durationMs) ? 0 : Math.min(Math.max(0, Math.ceil(durationMs)), longestMs);
}
