/** How every engine stores and reads values of messages. */
import { jsonMembers } from './json-text.ts';
import { messageLimits } from './message.ts';

/**
 * A value of a stored row that cannot be read (Q15): another program stored it. The message names the column and says
 * what is wrong with it, and quotes nothing.
 */
export class UnreadableValue extends Error {}

/** Returns what `read` returns, or `otherwise` if the value cannot be read. */
export function readableOr<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof UnreadableValue) return otherwise;
    throw error;
  }
}

/**
 * The nearest count that every program can read, of a stored number or of a sum of stored numbers, where an exact one does
 * not matter.
 */
export function boundedCount(value: number): number {
  return Math.max(0, Math.min(value, Number.MAX_SAFE_INTEGER));
}

/** @throws UnreadableValue, because the parser's own error quotes the text */
export function parsedJson(column: string, stored: string): unknown {
  try {
    return JSON.parse(stored);
  } catch {
    throw new UnreadableValue(`${column} is not JSON`);
  }
}

/** @throws UnreadableValue */
export function parsedObject(column: string, stored: string): Record<string, unknown> {
  const parsed = parsedJson(column, stored);
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new UnreadableValue(`${column} is JSON, but not an object`);
  }
  return parsed as Record<string, unknown>;
}

const noHeaders: Readonly<Record<string, string>> = Object.freeze({});

/**
 * Parses stored headers. Other programs may have stored values that are not strings; those are returned as
 * the JSON text that is stored, because a parsed number may be another one. @throws UnreadableValue
 */
export function headersOf(stored: string | null): Readonly<Record<string, string>> {
  if (stored === null) return noHeaders;
  const parsed = parsedObject('Headers', stored);
  const isText = (value: unknown) => typeof value === 'string';
  if (Object.values(parsed).every(isText)) return parsed as Record<string, string>;
  return Object.fromEntries(
    jsonMembers(stored).map(({ name, value }) => [
      name,
      isText(parsed[name]) ? (parsed[name] as string) : value,
    ]),
  );
}

/** The reason why a payload and its headers are not read. */
export const tooLarge = `Payload and Headers have more than ${messageLimits.contentBytes / 1_048_576} MiB together`;

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
