import type { Command } from 'commander';
import { type ActName, actStates } from '../../engine/message-search.ts';
import type { ActDefinition } from '../../fleet/messages/acts.ts';
import { durationArgument } from '../arguments.ts';
import { throwFailures } from '../failures.ts';
import { chosenTenants, forEachTenant } from '../for-each-tenant.ts';
import { addMessageOptions, type MessageOptions, type MessageView, selectionOf } from '../message-filter.ts';
import { counted } from '../output/text.ts';
import type { Runner } from '../runner.ts';

interface ActOptions extends MessageOptions {
  yes?: true;
  reason?: string;
  delay?: number;
}

interface ActWords {
  readonly description: string;
  readonly would: string;
  readonly did: string;
}

const words: Readonly<Record<ActName, ActWords>> = {
  replay: {
    description: 'make Dead messages ready again and reset their attempts',
    would: 'would be replayed',
    did: 'replayed',
  },
  discard: {
    description: 'delete Dead messages permanently',
    would: 'would be deleted permanently',
    did: 'deleted permanently',
  },
  cancel: {
    description: 'end Ready and Dead messages without running them; they are kept for the retention period',
    would: 'would be cancelled',
    did: 'cancelled',
  },
  reschedule: {
    description: 'change when Ready messages are due',
    would: 'would be rescheduled',
    did: 'rescheduled',
  },
};

/** A command for an act. Without --yes it only counts messages, changes nothing and exits with code 0. */
export function messagesActCommand(parent: Command, act: ActName, view: MessageView, run: Runner): void {
  const { description, would, did } = words[act];
  const command = addMessageOptions(
    parent
      .command(act)
      .description(`${description}; without --yes, only count them`)
      .argument('[message...]', 'ids of the messages (default: all that match the options)'),
    view,
    act,
  );
  if (act === 'cancel') command.option('--reason <text>', 'why; stored with each message');
  if (act === 'reschedule')
    command.requiredOption('--delay <duration>', 'due this long from now; 0s for now', durationArgument);
  command
    .option('--yes', 'make the change')
    .action((messageIds: string[], options: ActOptions, command: Command) =>
      run(command, async (session) => {
        const { queue, reason, delay } = options;
        const multiOutbox = await session.open();
        const tenantIds = await chosenTenants(multiOutbox, options);
        const definition: ActDefinition = {
          act,
          ...(reason !== undefined && { reason }),
          ...(delay !== undefined && { delay }),
        };
        const selection = selectionOf(options, view, messageIds);
        const filter = { ...selection, states: selection.states ?? actStates[act] };
        const changed = options.yes === true;
        const { results, failures } = await forEachTenant(
          tenantIds,
          changed ? `${act} ` : 'Counting',
          session.options,
          async (tenantId) => {
            const place = { tenantId, queue, filter };
            return changed
              ? multiOutbox.messages.actOnAll({ ...place, ...definition })
              : multiOutbox.messages.count({ ...place, examine: 1_000_000_000, timeoutMs: 600_000 });
          },
        );
        const tenants = results.map(({ tenantId, result }) => ({ tenantId, count: result.count }));
        const count = tenants.reduce((sum, tenant) => sum + tenant.count, 0);
        await session.show({ action: act, changed, count, tenants, failures }, () => {
          const lines = tenants
            .filter((tenant) => tenant.count > 0 && tenants.length > 1)
            .map((tenant) => `${tenant.tenantId}: ${tenant.count}`);
          const messages = counted(count, view.noun);
          if (count === 0) lines.push(`No ${view.noun} matches.`);
          else if (changed) lines.push(`${messages} ${did}.`);
          else lines.push(`${messages} ${would}. Nothing was changed; add --yes to make the change.`);
          return lines.join('\n');
        });
        throwFailures(failures);
      }),
    );
}
