/** Help fits a terminal of 80 columns. */
import type { Command } from 'commander';
import { createProgram } from '../../../src/cli/program.ts';

function all(command: Command): Command[] {
  return [command, ...command.commands.flatMap(all)];
}

test.each(all(createProgram(async () => {})).map((command) => [pathOf(command), command] as const))(
  'the help of %s has no line of more than 80 characters',
  (_, command) => {
    let help = '';
    command.configureOutput({ getOutHelpWidth: () => 80, writeOut: (text) => (help += text) });
    command.outputHelp();
    expect(help).toMatch(/^Usage: /);
    expect(help.split('\n').filter((line) => line.length > 80)).toEqual([]);
  },
);

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}
