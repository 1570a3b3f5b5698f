import type { Command } from 'commander';
import { allMessages, deadMessages, type MessageView } from '../message-filter.ts';
import type { Runner } from '../runner.ts';
import { messagesActCommand } from './messages-act.ts';
import { messagesEditCommand } from './messages-edit.ts';
import { messagesListCommand } from './messages-list.ts';
import { messagesShowCommand } from './messages-show.ts';

export function messagesCommands(program: Command, run: Runner): void {
  const messages = program
    .command('messages')
    .description('list, show, replay, discard, cancel, reschedule and edit messages');
  lookCommands(messages, allMessages, run);
  for (const act of ['replay', 'discard', 'cancel', 'reschedule'] as const)
    messagesActCommand(messages, act, allMessages, run);
  messagesEditCommand(messages, run);
}

export function deadCommands(program: Command, run: Runner): void {
  const dead = program.command('dead').description('list, show, replay and discard Dead messages');
  lookCommands(dead, deadMessages, run);
  for (const act of ['replay', 'discard'] as const) messagesActCommand(dead, act, deadMessages, run);
}

function lookCommands(parent: Command, view: MessageView, run: Runner): void {
  messagesListCommand(parent, view, run);
  messagesShowCommand(parent, view, run);
}
