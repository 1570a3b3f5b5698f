/**
 * The part of sqlcmd that the scripts in sql/ use: `:r file` includes a file, `:setvar Name value` sets a variable,
 * `$(Name)` stands for its value, and a line with only GO ends a batch.
 */
import { MultiOutboxError } from '../../../errors.ts';

/** Reads a script, by its path relative to the folder sql/. */
export type ReadScript = (path: string) => string;

const goLine = /^\s*GO\s*$/i;
const include = /^\s*:r\s+(\S+)\s*$/;
const setVariable = /^\s*:setvar\s+(\w+)\s+(\S+)\s*$/;
const variable = /\$\((\w+)\)/g;

/**
 * Returns the script with its includes inserted, and with the values of the variables that `given` or the script itself
 * sets. Any other `$(…)` stays unchanged.
 */
export function expandScript(
  path: string,
  read: ReadScript,
  given: Readonly<Record<string, string>> = {},
): string {
  const variables: Record<string, string> = { ...given };
  const lines: string[] = [];
  expandInto(lines, path, read, variables, []);
  return `${lines.join('\n')}\n`;
}

function expandInto(
  lines: string[],
  path: string,
  read: ReadScript,
  variables: Record<string, string>,
  within: readonly string[],
): void {
  if (within.includes(path))
    throw broken(path, `it includes itself through ${within.join(' > ')}; remove that :r`);
  for (const [index, line] of read(path).split(/\r?\n/).entries()) {
    const included = include.exec(line);
    const set = setVariable.exec(line);
    if (included) expandInto(lines, included[1]!, read, variables, [...within, path]);
    else if (set) variables[set[1]!] = set[2]!;
    else if (/^\s*:/.test(line))
      throw broken(
        path,
        `line ${index + 1} uses the sqlcmd command '${line.trim()}', which is not supported; use only :r and :setvar`,
      );
    else lines.push(line.replace(variable, (whole, name: string) => variables[name] ?? whole));
  }
  while (lines.at(-1) === '') lines.pop();
}

/** The batches of an expanded script, without those that contain only comments. */
export function splitBatches(script: string): string[] {
  const batches: string[][] = [[]];
  for (const line of script.split('\n')) {
    if (goLine.test(line)) batches.push([]);
    else batches.at(-1)!.push(line);
  }
  return batches.filter((lines) => lines.some(isStatement)).map((lines) => lines.join('\n').trim());
}

function isStatement(line: string): boolean {
  return line.trim() !== '' && !line.trimStart().startsWith('--');
}

/**
 * Whether a schema's name is an identifier that the scripts can use in `[…]` and in strings without escaping it. At
 * most 117 characters, because the longest role name is the schema's plus `_dispatcher`, and SQL Server allows 128.
 */
export function isPlainIdentifier(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]{0,116}$/.test(name);
}

function broken(path: string, what: string): MultiOutboxError {
  return new MultiOutboxError('INVALID_CONFIGURATION', `the script sql/${path} cannot be run: ${what}`);
}
