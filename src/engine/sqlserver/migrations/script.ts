/**
 * The part of sqlcmd that the scripts below sql/ use: `:r file` includes a file, `:setvar Name value` sets a variable,
 * `$(Name)` stands for its value, and a line that holds GO alone ends a batch.
 */
import { MultiOutboxError } from '../../../errors.ts';

/** Reads a script, by its path relative to the folder sql/. */
export type ReadScript = (path: string) => string;

const goLine = /^\s*GO\s*$/i;
const include = /^\s*:r\s+(\S+)\s*$/;
const setVariable = /^\s*:setvar\s+(\w+)\s+(\S+)\s*$/;
const variable = /\$\((\w+)\)/g;

/**
 * The script with its includes in place and the variables that it sets itself put in; those of `given` too. What is
 * left of `$(…)` stays as it is.
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
  if (within.includes(path)) throw broken(path, `it includes itself, by way of ${within.join(' > ')}`);
  for (const line of read(path).split(/\r?\n/)) {
    const included = include.exec(line);
    const set = setVariable.exec(line);
    if (included) expandInto(lines, included[1]!, read, variables, [...within, path]);
    else if (set) variables[set[1]!] = set[2]!;
    else if (/^\s*:/.test(line))
      throw broken(path, `it uses '${line.trim()}', of which nothing is known here`);
    else lines.push(line.replace(variable, (whole, name: string) => variables[name] ?? whole));
  }
  while (lines.at(-1) === '') lines.pop();
}

/** The batches of an expanded script, those that hold comments alone left out. */
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
 * The name of a schema: an identifier that can stand in `[…]` and in a string of the scripts without being quoted there.
 * At most 117 characters: the longest name of a role is the schema's with `_dispatcher` behind it, and 128 is the limit.
 */
export function isPlainIdentifier(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]{0,116}$/.test(name);
}

function broken(path: string, what: string): MultiOutboxError {
  return new MultiOutboxError('INVALID_CONFIGURATION', `the script sql/${path} cannot be run: ${what}`);
}
