/** Finds the names of code that documents link to a file, and checks that the file defines each name. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

const root = path.join(__dirname, '../..');

export interface LinkedName {
  /** The first column of its row. */
  readonly number: number;
  /** Relative to the repository, with forward slashes. */
  readonly file: string;
  readonly name: string;
}

/** The rows `| NUMBER | [FILE](LINK) | `NAME` | … |` of a document in docs/. */
export function linkedRows(text: string): LinkedName[] {
  const rows = text.matchAll(/^\| (\d+) +\| \[([^\]]+)\]\(\.\.\/([^)]+)\) +\| `([^`]+)`/gm);
  return [...rows].map(([, number, label, file, name]) => {
    if (label !== file) throw new Error(`The link '${label}' leads to ${file}.`);
    return { number: Number(number), file: file!, name: name! };
  });
}

/** Each link of the form `NAME` in [FILE](FILE) in a document at the top of the repository. */
export function linkedNames(text: string): Omit<LinkedName, 'number'>[] {
  const links = text.matchAll(/`([\w#.]+)` +in\s+\[([^\]]+)\]\(([^)]+)\)/g);
  return [...links].map(([, name, label, file]) => {
    if (label !== file) throw new Error(`The link '${label}' leads to ${file}.`);
    return { file: file!, name: name! };
  });
}

export function readSource(file: string): string {
  return readFileSync(path.join(root, file), 'utf8');
}

/** A function, a method, a property that holds a function, an interface's method; a type, a class or a constant. */
function definition(name: string): RegExp {
  const escaped = name.replaceAll(/[#$]/g, '\\$&');
  return new RegExp(
    `^ *(export |async |readonly )*(function\\*? )?(async )?${escaped}( = async \\(|(<[^>]*>)?\\()` +
      `|^ *(export )?(type|interface|class|const) ${escaped}\\b`,
    'm',
  );
}

/** The links whose file is missing or does not define the name. */
export function undefinedNames(linked: readonly Pick<LinkedName, 'file' | 'name'>[]): string[] {
  return linked
    .filter(
      ({ file, name }) => !existsSync(path.join(root, file)) || !definition(name).test(readSource(file)),
    )
    .map(({ file, name }) => `${file} does not define ${name}`);
}
