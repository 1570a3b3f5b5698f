/** Reads the parts of Bicep that the tests of infra/ need: parameters, flat object variables, strings. */
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';

const top = path.join(__dirname, '../../..');

/** A file of the repository, with `\n` ends of lines. */
export function readTopFile(name: string): string {
  return readFileSync(path.join(top, name), 'utf8').replaceAll('\r\n', '\n');
}

/** Names of files, relative to the repository, with forward slashes. */
export function findFiles(pattern: string): string[] {
  return globSync(pattern, { cwd: top })
    .map((name) => name.replaceAll('\\', '/'))
    .sort();
}

/** The entries of `var <name> = { … }`, one a line: key to the text of its value. Comments are left out. */
export function variableEntries(bicep: string, name: string): Map<string, string> {
  const [, body] = new RegExp(`^var ${name} = \\{\\n(.*?)^\\}`, 'ms').exec(bicep) ?? [];
  if (body === undefined) throw new Error(`There is no object variable '${name}'.`);
  return new Map(
    body
      .split('\n')
      .map((line) => /^ {2}(\w+): (.+)$/.exec(line))
      .filter((match) => match !== null)
      .map(([, key, value]) => [key!, value!]),
  );
}

/** The text of a plain string literal; null for any other expression. */
export function literalText(expression: string): string | null {
  return /^'([^'$\\]*)'$/.exec(expression)?.[1] ?? null;
}

export interface BicepParameter {
  readonly name: string;
  readonly described: boolean;
  readonly optional: boolean;
}

/** The parameters of a module, in order. */
export function parameters(bicep: string): BicepParameter[] {
  return [...bicep.matchAll(/((?:^@.*\n)*)^param (\w+) [\w?[\]]+( =)?/gm)].map(
    ([, decorators, name, hasDefault]) => ({
      name: name!,
      described: decorators!.includes('@description('),
      optional: hasDefault !== undefined,
    }),
  );
}
