import { commandsText } from './commands.ts';
import { errorsTable } from './errors.ts';
import { proceduresText } from './procedures.ts';
import { settingsTable } from './settings.ts';

/** What is generated: for each document, its parts by name, each between markers in the document. */
export const generated: Readonly<Record<string, Readonly<Record<string, () => string>>>> = {
  'configuration.md': { settings: settingsTable },
  'commands.md': { commands: commandsText },
  'errors.md': { errors: errorsTable },
  't-sql.md': { procedures: proceduresText },
};

/**
 * The document with its generated parts as they are now.
 * @throws Error when a part's markers are not there
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
