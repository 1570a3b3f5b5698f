import { cliJsonText } from './cli-json/schema.ts';
import { commandsText } from './commands.ts';
import { errorsTable } from './errors.ts';
import { mutationsTable } from './mutations.ts';
import { proceduresText } from './procedures.ts';
import { settingsTable } from './settings.ts';

/** The generated parts of each document, by name. Markers in the document enclose each part. */
export const generated: Readonly<Record<string, Readonly<Record<string, () => string>>>> = {
  'configuration.md': { settings: settingsTable },
  'cli-json.md': { 'cli-json': cliJsonText },
  'commands.md': { commands: commandsText },
  'errors.md': { errors: errorsTable },
  'proof.md': { mutations: mutationsTable },
  't-sql.md': { procedures: proceduresText },
};

/**
 * Returns the document with its generated parts replaced by current ones.
 * @throws Error when a part's markers are missing
 */
export function withParts(document: string, text: string): string {
  let result = text;
  for (const [name, render] of Object.entries(generated[document] ?? {})) {
    const between = new RegExp(`(<!-- ${name}:begin[^>]*-->\n).*(<!-- ${name}:end -->)`, 's');
    if (!between.test(result))
      throw new Error(`docs/${document} has no markers ${name}:begin and ${name}:end.`);
    result = result.replace(between, (_, begin, end) => `${begin}\n${render()}\n${end}`);
  }
  return result;
}
