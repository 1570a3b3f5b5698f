/** A call of a procedure as text, for drivers that take nothing but text and parameters. */
import type { SqlValue } from '../callers-transaction.ts';
import type { Parameters } from './database.ts';

/**
 * Only texts become parameters: drivers choose their types, and not all choose the same one for a number or a null. A
 * parameter that is null is left out, because null is its default.
 */
export function executeText(
  procedure: string,
  parameters: Parameters,
  placeholder: (nth: number) => string,
): { sql: string; values: SqlValue[] } {
  const values: SqlValue[] = [];
  const given = Object.entries(parameters).flatMap(([name, [, value]]) => {
    if (value === null) return [];
    if (typeof value !== 'string') return [`@${name} = ${Number(value)}`];
    values.push(value);
    return [`@${name} = ${placeholder(values.length)}`];
  });
  return { sql: `EXEC ${procedure} ${given.join(', ')}`, values };
}
