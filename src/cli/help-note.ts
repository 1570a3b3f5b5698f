import type { Command } from 'commander';

/** A text for `addHelpText`, wrapped as the rest of the help is. Line ends in it stay. */
export function helpNote(text: string): (context: { readonly command: Command }) => string {
  return ({ command }) => {
    const { columns } = process.stdout;
    return `\n${command.createHelp().boxWrap(text, columns === undefined ? 80 : columns)}`;
  };
}
