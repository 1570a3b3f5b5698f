import type { Command } from 'commander';
import { MessageStatus } from '../../engine/message.ts';
import { listArgument } from '../arguments.ts';
import {
  chosenTenants,
  type DeadOptions,
  forEachTenant,
  queueOption,
  type TenantMessage,
} from '../dead-letters.ts';
import { FailedError } from '../errors.ts';
import { throwFailures } from '../failures.ts';
import { facts } from '../output/table.ts';
import { age, escapedText, pairs } from '../output/text.ts';
import type { Runner } from '../runner.ts';

export function deadShowCommand(dead: Command, run: Runner): void {
  dead
    .command('show')
    .description('show one Dead message with all its fields and its payload')
    .argument('<message>', 'id of the message')
    .addOption(queueOption())
    .option('--tenant <id>', 'the tenant; repeatable', listArgument)
    .option('--all', 'search every tenant that is not retired')
    .option('--payload', 'print only the payload, byte for byte')
    .action((messageId: string, options: DeadOptions & { payload?: true }, command: Command) =>
      run(command, async (session) => {
        const multiOutbox = await session.open();
        const tenantIds = await chosenTenants(multiOutbox, options);
        const { results, failures } = await forEachTenant(tenantIds, 'Searching', session.options, (id) =>
          multiOutbox[options.queue](id).get(messageId),
        );
        const found = results.find(({ result }) => result?.status === MessageStatus.Dead);
        if (found?.result == null) {
          throwFailures(failures);
          throw new FailedError(
            results.some(({ result }) => result !== null)
              ? `Message '${messageId}' is not Dead, and this command shows only Dead messages; list them with 'multi-outbox dead list'.`
              : `Message '${messageId}' was not found; check the id, the tenant and --queue.`,
          );
        }
        const message = { tenantId: found.tenantId, ...found.result };
        if (options.payload && !session.options.json) {
          if (message.unreadable !== undefined)
            throw new FailedError(
              `The payload of message '${messageId}' cannot be shown: ${message.unreadable}. Read the row with SQL.`,
            );
          process.stdout.write(message.payload);
          return;
        }
        await session.show({ message }, async () => {
          const text = process.stdout.isTTY ? escapedText(message.payload) : message.payload;
          return `${await facts(entries(message), session.colors)}\n\n${text}`;
        });
      }),
    );
}

function entries(message: TenantMessage): [string, string | number | null][] {
  const { firstError, lastError, settledUtc } = message;
  return [
    ['Tenant', message.tenantId],
    ['Message', message.messageId],
    ['Topic', message.topic],
    ['Correlation', message.correlationId],
    ['Ordering key', message.orderingKey],
    ['Source', message.source],
    [message.source === null ? 'Dedup key' : "Source's id", message.dedupKey],
    ['Headers', pairs(message.headers)],
    ['Enqueued', message.enqueuedUtc.toISOString()],
    ['Dead since', settledUtc && `${settledUtc.toISOString()} (${age(settledUtc)})`],
    ['Attempts', message.attempts],
    ['Replays', message.replayCount || null],
    ['Last error', lastError],
    ['First error', firstError === lastError ? null : firstError],
    ['Payload', message.unreadable ?? `${Buffer.byteLength(message.payload)} bytes:`],
  ];
}
