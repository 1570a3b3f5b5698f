import type { Command } from 'commander';
import type { MessageDetails } from '../../fleet/messages/search.ts';
import { FailedError } from '../errors.ts';
import { throwFailures } from '../failures.ts';
import { addTenantOptions, chosenTenants, forEachTenant } from '../for-each-tenant.ts';
import { type MessageOptions, type MessageView, queueOption } from '../message-filter.ts';
import { facts } from '../output/table.ts';
import { counted, escapedText, moment, pairs } from '../output/text.ts';
import type { Runner } from '../runner.ts';

export function messagesShowCommand(parent: Command, view: MessageView, run: Runner): void {
  addTenantOptions(
    parent
      .command('show')
      .description(`show one ${view.noun} with all its fields and its payload`)
      .argument('<message>', 'id of the message')
      .addOption(queueOption()),
  )
    .option('--payload', 'print only the payload, byte for byte')
    .action((messageId: string, options: MessageOptions & { payload?: true }, command: Command) =>
      run(command, async (session) => {
        const { queue } = options;
        const multiOutbox = await session.open();
        const tenantIds = await chosenTenants(multiOutbox, options);
        const { results, failures } = await forEachTenant(
          tenantIds,
          'Searching',
          session.options,
          (tenantId) => multiOutbox.messages.show({ tenantId, queue, messageId }),
        );
        const found = results.flatMap(({ result }) => result ?? []);
        const message = found.find(({ state }) => view.state === undefined || state === view.state);
        if (message === undefined) {
          throwFailures(failures);
          throw new FailedError(
            found.length > 0
              ? `Message '${messageId}' is ${found[0]!.state}, and this command shows only Dead messages; see 'multi-outbox messages show'.`
              : `Message '${messageId}' was not found; check the id, the tenant and --queue.`,
          );
        }
        if (options.payload && !session.options.json) {
          if (message.unreadable !== null)
            throw new FailedError(
              `The payload of message '${messageId}' cannot be shown: ${message.unreadable}. Read the row with SQL.`,
            );
          process.stdout.write(message.payload);
          return;
        }
        await session.show({ message }, async () => {
          const text = process.stdout.isTTY ? escapedText(message.payload) : message.payload;
          return `${await facts(entries(message), session.terminal)}\n\n${text}`;
        });
      }),
    );
}

function entries(message: MessageDetails): [string, string | number | null][] {
  const { firstError, lastError, settledUtc, state, blocked } = message;
  const since = settledUtc && moment(settledUtc);
  return [
    ['Tenant', message.tenantId],
    ['Message', message.messageId],
    ['State', blocked ? `${state}, blocked by an earlier message of its ordering key` : state],
    ['Topic', message.topic],
    ['Correlation', message.correlationId],
    ['Ordering key', message.orderingKey],
    ['Source', message.source],
    [message.source === null ? 'Dedup key' : "Source's id", message.dedupKey],
    ['Headers', pairs(message.headers)],
    ['Enqueued', moment(message.enqueuedUtc)],
    ['Due', state === 'ready' ? moment(message.dueUtc) : null],
    [state === 'dead' ? 'Dead since' : 'Ended', since],
    ['Reason', message.endReason],
    ['Attempts', message.attempts],
    ['Replays', message.replayCount || null],
    ['Last error', lastError],
    ['First error', firstError === lastError ? null : firstError],
    ['Version', message.version],
    ['Payload', message.unreadable ?? `${counted(Buffer.byteLength(message.payload), 'byte')}:`],
  ];
}
