/** How every engine stores and reads values of messages. */
import { messageLimits } from './work-queue.ts';

const noHeaders: Readonly<Record<string, string>> = Object.freeze({});

/** Headers written by other programs may hold other values than strings; those come as their JSON. */
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

/** An error cut to what is kept (Q14), never through the middle of a surrogate pair. */
export function cutError(error: string): string {
  const limit = messageLimits.errorCharacters;
  if (error.length <= limit) return error;
  const last = error.charCodeAt(limit - 1);
  return error.slice(0, last >= 0xd800 && last <= 0xdbff ? limit - 1 : limit);
}

/** A duration as a database takes it: whole milliseconds, not negative, at most the longest that it can add to a time. */
export function wholeMsUpTo(longestMs: number): (durationMs: number) => number {
  return (durationMs) =>
    Number.isNaN(durationMs) ? 0 : Math.min(Math.max(0, Math.ceil(durationMs)), longestMs);
}
