/**
 * Spans of sequences. An UPDATE of a span finds its rows by the table's own key, which it does not change, so SQLite
 * changes each row as it finds it. For an UPDATE by an index that it changes, SQLite first makes a list of the rows and
 * then finds each once more, which takes a sixth more instructions.
 */

export interface Span {
  readonly first: number;
  readonly last: number;
}

/** The span that these are all the sequences of; undefined if one is missing or repeated. */
export function spanOf(messages: readonly { readonly sequence: number }[]): Span | undefined {
  const count = messages.length;
  let first = Number.POSITIVE_INFINITY;
  let last = Number.NEGATIVE_INFINITY;
  let areInOrder = true;
  for (const { sequence } of messages) {
    if (sequence <= last) areInOrder = false;
    if (sequence < first) first = sequence;
    if (sequence > last) last = sequence;
  }
  if (count === 0 || last - first !== count - 1) return undefined;
  return areInOrder || areDifferent(messages, first) ? { first, last } : undefined;
}

/** @param first the lowest of the sequences; the highest is less than `messages.length` above it */
function areDifferent(messages: readonly { readonly sequence: number }[], first: number): boolean {
  const seen = new Uint8Array(messages.length);
  for (const { sequence } of messages) {
    if (seen[sequence - first] === 1) return false;
    seen[sequence - first] = 1;
  }
  return true;
}
