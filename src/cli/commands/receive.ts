import type { Command } from 'commander';
import { durationArgument, pairArgument } from '../arguments.ts';
import { duration } from '../output/text.ts';
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
    .description("put a message from outside into a tenant's inbox, once, and wake the tenant")
    .argument('<tenant>', 'id of the tenant')
    .argument('<source>', 'who sent it')
    .argument('<id>', 'the id it was given there; the same id again is a duplicate')
    .argument('<topic>', 'topic, 1 to 200 characters')
    .argument('[payload]', 'the payload as text, @FILE, or - for standard input; it is stored as it is')
    .option('--due <duration>', 'dispatch no sooner than this from now, such as 30s or 2h', durationArgument)
    .option('--ordering-key <key>', 'messages of one key are dispatched one after another')
    .option('--correlation-id <id>', 'kept with the message and given to its handler')
    .option(
      '--hash <text>',
      'what tells other content under the same id; SHA-256 of topic and payload when absent',
    )
    .option('--header <key=value>', 'a header of the message; repeatable', pairArgument)
    .option('--require-json', 'refuse a payload that is not valid JSON')
    .option('--no-wake', 'leave the tenant to its schedule')
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
              : `Conflict: message ${messageId} came under this id with other content. What came now is kept as Dead; see 'dead list --queue inbox'.`;
          });
        }),
    );
}
