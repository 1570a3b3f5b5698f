import type { Argument, Command, Option } from 'commander';
import { createProgram } from '../../src/cli/program.ts';

/** A section for every command, with what its help says of it, its arguments and its options. */
export function commandsText(): string {
  const program = createProgram(async () => {});
  return [
    optionsTable('Option of every command', program),
    ...leaves(program).map((command) => commandText(command)),
  ].join('\n');
}

/** The commands without subcommands that the help shows, in its order. */
export function leaves(command: Command): Command[] {
  if (command.commands.length === 0) return [command];
  const visible = command.createHelp().visibleCommands(command);
  return command.commands.filter((each) => visible.includes(each)).flatMap(leaves);
}

/** `tenants add` */
export function commandName(command: Command): string {
  const names = [command.name()];
  for (let parent = command.parent; parent?.parent; parent = parent.parent) names.unshift(parent.name());
  return names.join(' ');
}

function commandText(command: Command): string {
  const usage = command.registeredArguments.map((argument) => ` ${shown(argument)}`).join('');
  const description = command.description();
  const meanings = command.registeredArguments.flatMap((argument) => {
    const meaning = command.createHelp().argumentDescription(argument);
    return meaning === '' ? [] : [`- \`${shown(argument)}\`: ${meaning}`];
  });
  return [
    `## \`${commandName(command)}${usage}\``,
    '',
    `${description.charAt(0).toUpperCase()}${description.slice(1)}.`,
    '',
    ...(meanings.length > 0 ? [...meanings, ''] : []),
    ...(command.options.length > 0 ? [optionsTable('Option', command)] : []),
    ...notes(command).flatMap((note) => [note, '']),
  ].join('\n');
}

function shown(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

function optionsTable(title: string, command: Command): string {
  const help = command.createHelp();
  const rows = command.options.map(
    (option: Option) => `| \`${option.flags}\` | ${help.optionDescription(option).replaceAll('|', '\\|')} |`,
  );
  return [`| ${title} | |`, '| --- | --- |', ...rows, ''].join('\n');
}

/** What stands below the help of a command, in one line each, because the help wraps it for the terminal. */
function notes(command: Command): string[] {
  const written: string[] = [];
  command.configureOutput({ writeOut: (text) => written.push(text) });
  command.outputHelp();
  const [, ...below] = written;
  return below.map((text) => text.trim().replaceAll(/\s+/g, ' '));
}
