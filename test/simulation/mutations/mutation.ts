/** Deliberate mistakes in the core. Each is a patch of one file of src: texts that occur once, and what replaces them. */
import { readFileSync } from 'node:fs';

export interface Mutation {
  readonly name: string;
  /** The clauses of docs/design.md that it breaks. */
  readonly breaks: string;
  /** Below src. */
  readonly file: string;
  readonly edits: readonly (readonly [find: string, replace: string])[];
}

/** The file's text with the mistake. @param file its absolute path @throws when a text to replace does not occur once */
export function mutated(mutation: Mutation, file: string): string {
  let text = readFileSync(file, 'utf8');
  for (const [find, replace] of mutation.edits) {
    const parts = text.split(find);
    if (parts.length !== 2) {
      throw new Error(
        `The mutation '${mutation.name}' does not fit src/${mutation.file}: '${find}' occurs ${parts.length - 1} times. Change the mutation with the code.`,
      );
    }
    text = parts.join(replace);
  }
  return text;
}
