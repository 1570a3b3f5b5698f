import type { Command } from 'commander';
import type { QueueName } from '../../engine/work-queue.ts';
import { durationArgument, pairArgument } from '../arguments.ts';
import { queueOption } from '../message-filter.ts';
import { readPayload } from '../payload.ts';
import type { Runner } from '../runner.ts';

interface EditOptions {
  queue: QueueName;
  tenant: string;
  header?: Record<string, string>;
  keepPayload?: true;
  due?: number;
  reason?: string;
  ifVersion?: string;
}

export function messagesEditCommand(messages: Command, run: Runner): void {
  messages
    .command('edit')
    .description('replace a Ready or Dead message by one with another payload, and cancel the old one')
    .argument('<message>', 'id of the message')
    .argument('[payload]', 'the new payload as text, @FILE, or - for standard input; stored unchanged')
    .requiredOption('--tenant <id>', 'the tenant (required)')
    .addOption(queueOption())
    .option('--keep-payload', 'change only the headers')
    .option(
      '--header <key=value>',
      'a header of the new message, in place of all old ones; repeatable',
      pairArgument,
    )
    .option(
      '--due <duration>',
      'wait at least this long before dispatch, such as 30s or 2h',
      durationArgument,
    )
    .option('--reason <text>', 'why; stored with the old message')
    .option('--if-version <version>', 'refuse unless this is still its version (see messages show)')
    .action((messageId: string, argument: string | undefined, options: EditOptions, command: Command) =>
      run(command, async (session) => {
        const { tenant, queue, header, keepPayload, due, reason, ifVersion } = options;
        const payload = keepPayload ? undefined : await readPayload(argument);
        const multiOutbox = await session.open({
          handlers: session.settings.handlersModule !== undefined,
        });
        const edited = await multiOutbox.messages.edit({
          tenantId: tenant,
          queue,
          messageId,
          ...(payload !== undefined && { payload }),
          ...(header !== undefined && { headers: header }),
          ...(due !== undefined && { delay: due }),
          ...(reason !== undefined && { reason }),
          ...(ifVersion !== undefined && { version: ifVersion }),
        });
        await session.show(edited, () => {
          const check = edited.schemaChecked
            ? "Its handler's schema accepts the payload."
            : 'No schema checked the payload; give --handlers, so that the schema of its handler does.';
          return `Message ${edited.replaced} is cancelled, and message ${edited.messageId} has its place. ${check}`;
        });
      }),
    );
}
