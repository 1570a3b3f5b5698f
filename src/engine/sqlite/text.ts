/**
 * Reads text that may contain NUL. Before Node 24.16, and in every Node 22 so far, node:sqlite cuts a text at its
 * first NUL, so there the columns that users fill are read as bytes and decoded here. Later releases read them as
 * text, which is faster.
 */
import { isUtf8 } from 'node:buffer';
import { DatabaseSync } from 'node:sqlite';
import { UnreadableValue } from '../stored-values.ts';

let readsWhole: boolean | undefined;

function textIsReadWhole(): boolean {
  if (readsWhole === undefined) {
    const probe = new DatabaseSync(':memory:');
    const row = probe.prepare("SELECT 'a' || char(0) || 'b' AS T").get() as { T: string };
    probe.close();
    readsWhole = row.T.length === 3;
  }
  return readsWhole;
}

/** A column in a SELECT or RETURNING list whose text may contain any character. Convert its value with `text`. */
export function textColumn(name: string): string {
  return textIsReadWhole() ? name : `CAST(${name} AS BLOB) AS ${name}`;
}

/**
 * The SQL expression of such a column, unless `condition` holds; then 0, and SQLite does not read the text. Convert its
 * value with `textOf`.
 */
export function textColumnUnless(condition: string, name: string): string {
  return `iif(${condition}, 0, ${textIsReadWhole() ? name : `CAST(${name} AS BLOB)`})`;
}

/**
 * The text of a parameter that is bound as bytes. node:sqlite of Node 22.18 binds an empty array that it has returned as
 * NULL.
 */
export function textOfBytes(parameter: string): string {
  return `coalesce(CAST(${parameter} AS TEXT), '')`;
}

/** A value of a `textColumn`, as text. */
export type StoredText = string | Uint8Array;

export function text(value: StoredText): string {
  return typeof value === 'string' ? value : Buffer.from(value).toString('utf8');
}

/** @throws UnreadableValue with the reason if the text was not read */
export function textOf(value: StoredText | number, reason: string): string {
  if (typeof value === 'number') throw new UnreadableValue(reason);
  return text(value);
}

/**
 * Whether a text may be another than the stored one. node:sqlite and Buffer replace bytes that are not UTF-8 by the
 * character U+FFFD, which a text may also contain by itself.
 */
export function isDoubtful(value: StoredText | number | null): boolean {
  if (typeof value === 'string') return value.includes('\ufffd');
  return value instanceof Uint8Array && !isUtf8(value);
}

export function textOrNull(value: StoredText | null): string | null {
  return value === null ? null : text(value);
}
