/**
 * Mutations within SQL text that leave it a valid statement: bounds of comparisons, sums, orders, the values that SET
 * writes, the choice among several rows. Conditions on the columns of a partial index stay: without them SQLite refuses
 * the statement.
 */
const rules: readonly [pattern: RegExp, mutated: string][] = [
  [/ <= /g, ' < '],
  [/ >= /g, ' > '],
  [/ < /g, ' <= '],
  [/ > /g, ' >= '],
  [/ \+ (?=\d|\?)/g, ' - '],
  [/ - (?=\d|\?)/g, ' + '],
  [/ DESC\b/g, ''],
  [/(?<=ORDER BY (?:(?!LIMIT)[\w, ])+)(?<! DESC)(?=( LIMIT|$|`))/g, ' DESC'],
  [/\bmin\(/gi, 'max('],
  [/\bmax\(/gi, 'min('],
  [/\bNOT EXISTS\b/g, 'EXISTS'],
  [/(?<=\bSET (?:(?!WHERE)[\s\S])*= )0\b/g, '1'],
  [/(?<=\bSET (?:(?!WHERE)[\s\S])*= )1\b/g, '0'],
  [/(?<=\bSET (?:(?!WHERE)[\s\S])*)\bIS NOT NULL\b/g, 'IS NULL'],
  [/(?<=\bSET (?:(?!WHERE)[\s\S])*)\bcoalesce\((\w+), \w+\)/g, '$1'],
];

/** The places in a piece of SQL: start, end, and replacement. */
export function* sqlMutations(text: string): Generator<[start: number, end: number, mutated: string]> {
  if (!/^.\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b/.test(text)) return;
  for (const [pattern, mutated] of rules) {
    for (const found of text.matchAll(pattern))
      yield [found.index, found.index + found[0].length, mutated.replace('$1', found[1] ?? '')];
  }
}
