/** Text for a terminal. Text from databases and handlers must not be able to control the terminal, so it is escaped. */
import { duration } from '../../duration-text.ts';
import { escapedCharacter, escapedLine } from '../../telemetry/log-line.ts';

export { escapedLine };

const controlButLines = /(?![\n\t])[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/** Keeps line breaks and tabs; other control characters become \uXXXX. */
export function escapedText(text: string): string {
  return text.replace(controlButLines, escapedCharacter);
}

/** One line of at most `characters` characters; it ends with … if text was cut off. */
export function shorten(text: string, characters: number): string {
  const line = [...escapedLine(text)];
  return line.length <= characters ? line.join('') : `${line.slice(0, characters - 1).join('')}…`;
}

/** A point in time, to the second, in UTC: `2027-01-31 12:00:00Z`. */
export function time(utc: Date | string): string {
  return `${new Date(utc).toISOString().slice(0, 19).replace('T', ' ')}Z`;
}

/** A time with its distance from now: `2026-03-01 12:00:00Z, 5m ago`, or `in 5m`. */
export function moment(utc: string): string {
  const inMs = new Date(utc).getTime() - Date.now();
  return `${time(utc)}, ${inMs > 0 ? `in ${duration(inMs)}` : `${age(new Date(utc))} ago`}`;
}

const grouped = new Intl.NumberFormat('en-US');

/** A count: `12,345`. */
export function number(count: number): string {
  return grouped.format(count);
}

/** The duration from a time until now. */
export function age(time: Date | null, now: number = Date.now()): string {
  return time === null ? '' : duration(now - time.getTime());
}

/** `1 message`, `2 messages`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${number(count)} ${count === 1 ? one : many}`;
}

/** The text with its first letter as a capital. */
export function capital(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}

/** `at least 2 messages` for a count that ended early. */
export function countedOrMore(count: number, atLeast: boolean, one: string): string {
  return `${atLeast ? 'at least ' : ''}${counted(count, one)}`;
}

/** A filter, a selection and the like, which may be nested, as `k=v, k=v`. Names that are null are left out. */
export function flatPairs(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  return Object.entries(value)
    .filter(([, each]) => each !== null)
    .map(([key, each]) => {
      if (Array.isArray(each)) return `${key}=${each.join(' ')}`;
      return typeof each === 'object' ? flatPairs(each) : `${key}=${each}`;
    })
    .filter((text) => text !== '')
    .join(', ');
}

/** Tags, headers and the like as `k=v, k=v`. */
export function pairs(record: Readonly<Record<string, string>>): string {
  return Object.entries(record)
    .map(([key, value]) => `${key}=${value}`)
    .join(', ');
}
