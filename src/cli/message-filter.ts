/** Options that select messages, the same for all commands. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type ActName, actStates, type MessageState, messageStates } from '../engine/message-search.ts';
import { type QueueName, queueNames } from '../engine/work-queue.ts';
import type { MessageSelection } from '../fleet/messages/selection.ts';
import { durationArgument } from './arguments.ts';
import { addTenantOptions, type TenantChoice } from './for-each-tenant.ts';

/** The messages that a group of commands is about: `dead` is `messages` with only the Dead ones. */
export interface MessageView {
  readonly state?: MessageState;
  /** Such as 'Dead message'. */
  readonly noun: string;
}

export const allMessages: MessageView = { noun: 'message' };
export const deadMessages: MessageView = { noun: 'Dead message', state: 'dead' };

export interface MessageOptions extends TenantChoice {
  queue: QueueName;
  state?: MessageState[];
  topic?: string;
  key?: string;
  dedupKey?: string;
  correlationId?: string;
  source?: string;
  error?: string;
  since?: string;
  until?: string;
  olderThan?: number;
}

export function queueOption(): Option {
  return new Option('--queue <queue>', 'which work queue').choices([...queueNames]).default('outbox');
}

function timeArgument(text: string): string {
  if (!Number.isNaN(new Date(text).getTime())) return text;
  throw new InvalidArgumentError('Give a time such as 2027-01-31T12:00:00Z.');
}

/** @param act the act of the command: it changes messages in these states only */
export function addMessageOptions(command: Command, { state }: MessageView, act?: ActName): Command {
  const states = act === undefined ? messageStates : actStates[act];
  const may = state === undefined && states.length > 1;
  addTenantOptions(command.addOption(queueOption()));
  if (may)
    command.option(
      '--state <state>',
      `only messages in this state: ${states.join(', ')}; repeatable`,
      oneOf(states),
    );
  return command
    .option('--topic <topic>', 'only messages with this topic')
    .option('--key <key>', 'only messages with this ordering key')
    .option('--dedup-key <key>', 'only messages with this dedup key')
    .option('--correlation-id <id>', 'only messages with this correlation id')
    .option('--source <source>', 'only messages from this source')
    .option('--error <text>', 'only messages whose last error contains this text, in any case')
    .option('--since <time>', 'only messages enqueued at this time or later', timeArgument)
    .option('--until <time>', 'only messages enqueued before this time', timeArgument)
    .option(
      '--older-than <duration>',
      `only messages that have been ${state === 'dead' ? 'Dead' : 'Dead, Done or cancelled'} for at least this long`,
      durationArgument,
    );
}

function oneOf(states: readonly MessageState[]) {
  return (text: string, previous: readonly MessageState[] = []): MessageState[] => {
    const state = states.find((known) => known === text.toLowerCase());
    if (state === undefined) throw new InvalidArgumentError(`Give one of ${states.join(', ')}.`);
    return [...previous, state];
  };
}

export function selectionOf(
  options: MessageOptions,
  { state }: MessageView,
  messageIds: readonly string[] = [],
): MessageSelection {
  const { topic, key, dedupKey, correlationId, source, error, since, until, olderThan } = options;
  const states = state === undefined ? options.state : [state];
  return {
    ...(states !== undefined && { states }),
    ...(messageIds.length > 0 && { messageIds }),
    ...(topic !== undefined && { topic }),
    ...(key !== undefined && { orderingKey: key }),
    ...(dedupKey !== undefined && { dedupKey }),
    ...(correlationId !== undefined && { correlationId }),
    ...(source !== undefined && { source }),
    ...(error !== undefined && { errorText: error }),
    ...(since !== undefined && { enqueuedFrom: since }),
    ...(until !== undefined && { enqueuedBefore: until }),
    ...(olderThan !== undefined && { olderThanMs: olderThan }),
  };
}
