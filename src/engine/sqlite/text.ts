/**
 * Reads text that may contain NUL. Before Node 24.16, and in every Node 22 so far, node:sqlite cuts a text at its
 * first NUL, so there the columns that users fill are read as bytes and decoded here. Later releases read them as
 * text, which is faster.
 */
import { DatabaseSync } from 'node:sqlite';

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

/** A value of a `textColumn`, as text. */
export type StoredText = string | Uint8Array;

export function text(value: StoredText): string {
  return typeof value === 'string' ? value : Buffer.from(value).toString('utf8');
}

export function textOrNull(value: StoredText | null): string | null {
  return value === null ? null : text(value);
}
