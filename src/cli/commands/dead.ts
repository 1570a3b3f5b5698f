import type { Command } from 'commander';
import type { Runner } from '../runner.ts';
import { deadActCommands } from './dead-act.ts';
import { deadListCommand } from './dead-list.ts';
import { deadShowCommand } from './dead-show.ts';

export function deadCommands(program: Command, run: Runner): void {
  const dead = program.command('dead').description('list, show, replay and discard Dead messages');
  deadListCommand(dead, run);
  deadShowCommand(dead, run);
  deadActCommands(dead, run);
}
