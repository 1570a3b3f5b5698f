import type { Command } from 'commander';
import type { DeadFilter } from '../../engine/work-queue.ts';
import type { DeadLetters } from '../../queue/stored-messages.ts';
import {
  addDeadOptions,
  chosenTenants,
  type DeadOptions,
  deadFilter,
  forEachTenant,
} from '../dead-letters.ts';
import { throwFailures } from '../failures.ts';
import { counted } from '../output/text.ts';
import type { Runner } from '../runner.ts';

interface Act {
  readonly name: 'replay' | 'discard';
  readonly description: string;
  readonly apply: (letters: DeadLetters, filter: DeadFilter) => Promise<number>;
  readonly would: string;
  readonly did: string;
}

const acts: readonly Act[] = [
  {
    name: 'replay',
    description: 'make Dead messages ready again and reset their attempts',
    apply: (letters, filter) => letters.replay(filter),
    would: 'would be replayed',
    did: 'replayed',
  },
  {
    name: 'discard',
    description: 'delete Dead messages permanently',
    apply: (letters, filter) => letters.discard(filter),
    would: 'would be deleted permanently',
    did: 'deleted permanently',
  },
];

/** `replay` and `discard`. Without --yes they only count messages, change nothing and exit with code 0. */
export function deadActCommands(dead: Command, run: Runner): void {
  for (const { name, description, apply, would, did } of acts) {
    addDeadOptions(
      dead
        .command(name)
        .description(`${description}; without --yes, only count them`)
        .argument('[message...]', 'ids of the messages (default: all that match the options)'),
    )
      .option('--yes', 'make the change')
      .action((messageIds: string[], options: DeadOptions & { yes?: true }, command: Command) =>
        run(command, async (session) => {
          const multiOutbox = await session.open();
          const tenantIds = await chosenTenants(multiOutbox, options);
          const filter = deadFilter(options, messageIds);
          const changed = options.yes === true;
          const { results, failures } = await forEachTenant(
            tenantIds,
            changed ? `${name} ` : 'Counting',
            session.options,
            (id) => {
              const letters = multiOutbox[options.queue](id).dead;
              return changed ? apply(letters, filter) : letters.count(filter);
            },
          );
          const tenants = results.map(({ tenantId, result }) => ({ tenantId, count: result }));
          const count = tenants.reduce((sum, tenant) => sum + tenant.count, 0);
          await session.show({ action: name, changed, count, tenants, failures }, () => {
            const lines = tenants
              .filter((tenant) => tenant.count > 0 && tenants.length > 1)
              .map((tenant) => `${tenant.tenantId}: ${tenant.count}`);
            const messages = counted(count, 'Dead message');
            if (count === 0) lines.push('No Dead message matches.');
            else if (changed) lines.push(`${messages} ${did}.`);
            else lines.push(`${messages} ${would}. Nothing was changed; add --yes to make the change.`);
            return lines.join('\n');
          });
          throwFailures(failures);
        }),
      );
  }
}
