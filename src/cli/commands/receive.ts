import type { Command } from 'commander';
import { duration } from '../../duration-text.ts';
import { durationArgument, pairArgument } from '../arguments.ts';
import { readPayload, requireJson } from '../payload.ts';
import type { Runner } from '../runner.ts';

interface ReceiveOptions {
  due?: number;
  orderingKey?: string;
  correlationId?: string;
  hash?: string;
  header?: Record<string, string>;
  requireJson?: true;
  wake: boolean;
}

export function receiveCommand(program: Command, run: Runner): void {
  program
    .command('receive')
    .description("put a message from an external source into a tenant's inbox, once, and wake the tenant")
    .argument('<tenant>', 'id of the tenant')
    .argument('<source>', 'name of the sender')
    .argument('<id>', "the sender's id of the message; a second message with this id is a duplicate")
    .argument('<topic>', 'topic, 1 to 200 characters')
    .argument('[payload]', 'the payload as text, @FILE, or - for standard input; stored unchanged')
    .option(
      '--due <duration>',
      'wait at least this long before dispatch, such as 30s or 2h',
      durationArgument,
    )
    .option('--ordering-key <key>', 'dispatch messages with the same key one at a time, in order')
    .option('--correlation-id <id>', 'store this id with the message and pass it to the handler')
    .option(
      '--hash <text>',
      'hash of the content; another hash under the same id is a conflict (default: SHA-256 of topic and payload)',
    )
    .option('--header <key=value>', 'a header of the message; repeatable', pairArgument)
    .option('--require-json', 'refuse a payload that is not valid JSON')
    .option('--no-wake', 'do not wake the tenant; its schedule decides when it runs')
    .action(
      (
        tenantId: string,
        source: string,
        id: string,
        topic: string,
        argument: string | undefined,
        options: ReceiveOptions,
        command: Command,
      ) =>
        run(command, async (session) => {
          const payload = await readPayload(argument);
          if (options.requireJson) requireJson(payload);
          const { due, orderingKey, correlationId, hash, header, wake } = options;
          const multiOutbox = await session.open();
          const received = await multiOutbox.inbox(tenantId).receive(
            {
              source,
              messageId: id,
              topic,
              payload,
              ...(due !== undefined && { delay: due }),
              ...(orderingKey !== undefined && { orderingKey }),
              ...(correlationId !== undefined && { correlationId }),
              ...(hash !== undefined && { hash }),
              ...(header !== undefined && { headers: header }),
            },
            { wake },
          );
          const { status, messageId } = received;
          await session.show({ tenantId, source, topic, ...received }, () => {
            if (status === 'accepted') {
              return `Accepted as message ${messageId}${due ? `, due in ${duration(due)}` : ''}.`;
            }
            return status === 'duplicate'
              ? `Duplicate of message ${messageId}; nothing was stored.`
              : `Conflict: message ${messageId} has this id but other content. The new content was stored as a Dead message; see 'dead list --queue inbox'.`;
          });
        }),
    );
}
