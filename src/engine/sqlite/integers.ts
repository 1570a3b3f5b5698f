/**
 * Reads integers that another program may have stored. node:sqlite throws when it reads one that JavaScript cannot hold
 * exactly, and then reads no row at all.
 */
import { UnreadableValue } from '../stored-values.ts';
import { earliestUtc, latestUtc } from './time.ts';

const isInexact = (name: string) => `${name} NOT BETWEEN -9007199254740991 AND 9007199254740991`;

/** The SQL expression of a column's integer: '' in place of one that JavaScript cannot hold exactly. */
export function integerColumn(name: string): string {
  return `iif(${isInexact(name)}, '', ${name})`;
}

/** The SQL expression of a time, where an exact one does not matter: the nearest that a table accepts. */
export function acceptedTime(expression: string): string {
  return `max(${earliestUtc}, min(${expression}, ${latestUtc}))`;
}

/** The SQL expression of a count, where an exact one does not matter: the nearest that JavaScript can hold exactly. */
export function acceptedCount(expression: string): string {
  return `max(0, min(${expression}, ${Number.MAX_SAFE_INTEGER}))`;
}

/** The SQL expression of a number that rises: after the largest that JavaScript can hold exactly comes 1. */
export function nextNumber(column: string): string {
  return `(max(${column}, 0) % ${Number.MAX_SAFE_INTEGER} + 1)`;
}

/** A value of an `integerColumn`. */
export type StoredInteger = number | string;

/** @throws UnreadableValue */
export function integer(column: string, value: StoredInteger): number {
  if (typeof value !== 'number') throw new UnreadableValue(`${column} is out of range`);
  return value;
}

/** @throws UnreadableValue */
export function date(column: string, value: StoredInteger): Date {
  if (typeof value !== 'number' || value < earliestUtc || value > latestUtc) {
    throw new UnreadableValue(`${column} is not a time in milliseconds since 1970, of the years 1 to 9999`);
  }
  return new Date(value);
}
