/** Completes what commander suggests for a mistyped command line, so that the suggestion is accepted as it stands. */
import type { Command, Option } from 'commander';

/** The command that the words name, as far as they name one. */
export function commandAt(program: Command, words: readonly string[]): Command {
  return words.reduce(
    (command, word) => command.commands.find((each) => each.name() === word) ?? command,
    program,
  );
}

/** The options of a command and of the commands above it. */
export function optionsOf(command: Command): Option[] {
  return [...command.options, ...(command.parent === null ? [] : optionsOf(command.parent))];
}

/**
 * A suggested option gets its value, as in `--registry <url>`. For an option without its value, the options are named
 * that begin with its name and need no value, such as `--registry-only`.
 */
export function withAcceptedSuggestion(message: string, command: Command): string {
  const options = optionsOf(command);
  const bare = /^option '(--[a-z-]+)[^']*' argument missing$/.exec(message)?.[1];
  if (bare !== undefined) {
    const meant = options.filter(({ long, required }) => long?.startsWith(`${bare}-`) && !required);
    return meant.length === 0
      ? message
      : `${message} (Did you mean ${meant.map(({ long }) => long).join(' or ')}?)`;
  }
  return message.replace(/\(Did you mean (?:one of )?.*\?\)$/, (suggestion) =>
    suggestion.replace(
      /--[a-z-]+/g,
      (name) => options.find(({ long, required }) => long === name && required)?.flags ?? name,
    ),
  );
}
