import type { Command } from 'commander';
import { wholeNumber } from '../arguments.ts';
import {
  addDeadOptions,
  chosenTenants,
  type DeadOptions,
  deadFilter,
  forEachTenant,
  type TenantMessage,
} from '../dead-letters.ts';
import { throwFailures } from '../failures.ts';
import { table } from '../output/table.ts';
import { age, counted, shorten } from '../output/text.ts';
import type { Runner } from '../runner.ts';

export function deadListCommand(dead: Command, run: Runner): void {
  addDeadOptions(dead.command('list').description('list Dead messages, without their payloads'))
    .option('--limit <number>', 'show at most this many messages', wholeNumber(1, 100_000), 50)
    .action((options: DeadOptions & { limit: number }, command: Command) =>
      run(command, async (session) => {
        const multiOutbox = await session.open();
        const tenantIds = await chosenTenants(multiOutbox, options);
        const filter = deadFilter(options);
        const { results, failures } = await forEachTenant(
          tenantIds,
          'Reading',
          session.options,
          async (id) => {
            const letters = multiOutbox[options.queue](id).dead;
            const count = await letters.count(filter);
            return {
              count,
              messages: count === 0 ? [] : await letters.list(filter, { limit: options.limit }),
            };
          },
        );
        const count = results.reduce((sum, { result }) => sum + result.count, 0);
        const messages: Omit<TenantMessage, 'payload'>[] = results
          .flatMap(({ tenantId, result }) =>
            result.messages.map(({ payload: _kept, ...message }) => ({ tenantId, ...message })),
          )
          .slice(0, options.limit);
        await session.show({ count, messages, failures }, async () => {
          if (messages.length === 0) return 'No Dead message matches.';
          const drawn = await table(
            messages,
            [
              { title: 'Tenant', cell: ({ tenantId }) => tenantId },
              { title: 'Message', cell: ({ messageId }) => messageId },
              { title: 'Topic', cell: ({ topic }) => shorten(topic, 40) },
              { title: 'Attempts', cell: ({ attempts }) => attempts, align: 'right' },
              { title: 'Replays', cell: ({ replayCount }) => replayCount || '', align: 'right' },
              { title: 'Age', cell: ({ settledUtc }) => age(settledUtc), align: 'right' },
              { title: 'Last error', cell: ({ lastError }) => shorten(lastError ?? '', 70) },
              {
                title: 'First error',
                cell: ({ firstError, lastError }) =>
                  firstError === lastError ? 'the same' : shorten(firstError ?? '', 40),
              },
            ],
            session.colors,
          );
          const shown =
            count > messages.length
              ? ` Only the first ${messages.length} are shown; raise --limit to see more.`
              : '';
          return `${drawn}\n\n${counted(count, 'Dead message')}.${shown}`;
        });
        throwFailures(failures);
      }),
    );
}
