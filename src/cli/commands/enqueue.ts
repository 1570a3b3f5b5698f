import type { Command } from 'commander';
import { duration } from '../../duration-text.ts';
import { durationArgument, pairArgument } from '../arguments.ts';
import { readPayload, requireJson } from '../payload.ts';
import type { Runner } from '../runner.ts';

interface EnqueueOptions {
  due?: number;
  orderingKey?: string;
  dedupKey?: string;
  correlationId?: string;
  messageId?: string;
  header?: Record<string, string>;
  requireJson?: true;
  wake: boolean;
}

export function enqueueCommand(program: Command, run: Runner): void {
  program
    .command('enqueue')
    .description("put a message into a tenant's outbox and wake the tenant")
    .argument('<tenant>', 'id of the tenant')
    .argument('<topic>', 'topic, 1 to 200 characters')
    .argument('[payload]', 'the payload as text, @FILE, or - for standard input; stored unchanged')
    .option(
      '--due <duration>',
      'wait at least this long before dispatch, such as 30s or 2h',
      durationArgument,
    )
    .option('--ordering-key <key>', 'dispatch messages with the same key one at a time, in order')
    .option('--dedup-key <key>', 'store nothing if a message with this key was stored before')
    .option('--correlation-id <id>', 'store this id with the message and pass it to the handler')
    .option('--message-id <uuid>', 'the id of the message (default: a new UUID)')
    .option('--header <key=value>', 'a header of the message; repeatable', pairArgument)
    .option('--require-json', 'refuse a payload that is not valid JSON')
    .option('--no-wake', 'do not wake the tenant; its schedule decides when it runs')
    .action(
      (
        tenantId: string,
        topic: string,
        argument: string | undefined,
        options: EnqueueOptions,
        command: Command,
      ) =>
        run(command, async (session) => {
          const payload = await readPayload(argument);
          if (options.requireJson) requireJson(payload);
          const { due, orderingKey, dedupKey, correlationId, messageId, header, wake } = options;
          const multiOutbox = await session.open();
          const enqueued = await multiOutbox.outbox(tenantId).enqueue(
            {
              topic,
              payload,
              ...(due !== undefined && { delay: due }),
              ...(orderingKey !== undefined && { orderingKey }),
              ...(dedupKey !== undefined && { dedupKey }),
              ...(correlationId !== undefined && { correlationId }),
              ...(messageId !== undefined && { messageId }),
              ...(header !== undefined && { headers: header }),
            },
            { wake },
          );
          await session.show({ tenantId, topic, ...enqueued }, () =>
            enqueued.status === 'duplicate'
              ? `Duplicate of message ${enqueued.messageId}; nothing was stored.`
              : `Enqueued message ${enqueued.messageId}${due ? `, due in ${duration(due)}` : ''}.`,
          );
        }),
    );
}
