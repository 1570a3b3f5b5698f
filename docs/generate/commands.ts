import type { Argument, Command, Option } from 'commander';
import { createProgram } from '../../src/cli/program.ts';

/** A section for every command, with its arguments and options and their meanings. */
export function commandsText(): string {
  const program = createProgram(async () => {});
  return [
    optionsTable('Option of every command', program.options),
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
  return [
    `## \`${commandName(command)}${usage}\``,
    '',
    `${description.charAt(0).toUpperCase()}${description.slice(1)}.`,
    '',
    ...command.registeredArguments
      .filter((argument) => argument.description !== '')
      .map((argument) => `- \`${shown(argument)}\`: ${argument.description}`),
    ...(command.registeredArguments.some(({ description: text }) => text !== '') ? [''] : []),
    ...(command.options.length > 0 ? [optionsTable('Option', command.options)] : []),
  ].join('\n');
}

function shown(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

function optionsTable(title: string, options: readonly Option[]): string {
  const rows = options.map(({ flags, description, mandatory }) => {
    const text = description.replaceAll('|', '\\|');
    return `| \`${flags}\` | ${text}${mandatory ? ' (required)' : ''} |`;
  });
  return [`| ${title} | |`, '| --- | --- |', ...rows, ''].join('\n');
}
