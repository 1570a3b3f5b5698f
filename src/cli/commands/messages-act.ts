import type { Command } from 'commander';
import { type ActName, actStates } from '../../engine/message-search.ts';
import type { OperationState } from '../../engine/operation-store.ts';
import type { QueueName } from '../../engine/work-queue.ts';
import type { ActDefinition } from '../../fleet/messages/acts.ts';
import type { OperationRequest } from '../../fleet/messages/requests.ts';
import type { MessageSelection } from '../../fleet/messages/selection.ts';
import type { MultiOutbox } from '../../multi-outbox.ts';
import { durationArgument } from '../arguments.ts';
import { type TenantFailure, throwFailures } from '../failures.ts';
import { chosenTenants, forEachTenant } from '../for-each-tenant.ts';
import { addMessageOptions, type MessageOptions, type MessageView, selectionOf } from '../message-filter.ts';
import { startProgress } from '../output/progress.ts';
import { counted } from '../output/text.ts';
import type { Runner } from '../runner.ts';
import type { Session } from '../session.ts';

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
        const { count, tenants, failures, operationId, state } = changed
          ? await change(
              session,
              multiOutbox,
              { ...definition, queue, filter },
              options.all ? null : tenantIds,
            )
          : await countOnly(session, multiOutbox, { queue, filter }, tenantIds);
        const result = { action: act, changed, count, tenants, failures };
        await session.show(operationId === null ? result : { ...result, operationId }, () => {
          const lines =
            tenantIds.length > 1 ? tenants.map((tenant) => `${tenant.tenantId}: ${tenant.count}`) : [];
          const messages = counted(count, view.noun);
          if (operationId !== null && state !== 'done')
            lines.push(
              `${messages} ${did}, and then operation ${operationId} was ${state === 'cancelled' ? 'cancelled' : 'taken over'}.`,
            );
          else if (operationId !== null) lines.push(`${messages} ${did}. This was operation ${operationId}.`);
          else if (count === 0) lines.push(`No ${view.noun} matches.`);
          else lines.push(`${messages} ${would}. Nothing was changed; add --yes to make the change.`);
          return lines.join('\n');
        });
        throwFailures(failures);
      }),
    );
}

interface Outcome {
  readonly count: number;
  readonly tenants: readonly { readonly tenantId: string; readonly count: number }[];
  readonly failures: readonly TenantFailure[];
  readonly operationId: string | null;
  readonly state: OperationState | null;
}

async function countOnly(
  session: Session,
  { messages }: MultiOutbox,
  what: { readonly queue: QueueName; readonly filter: MessageSelection },
  tenantIds: readonly string[],
): Promise<Outcome> {
  const bounds = { examine: 1_000_000_000, timeoutMs: 60_000 };
  const { results, failures } = await forEachTenant(tenantIds, 'Counting', session.options, (tenantId) =>
    messages.count({ tenantId, ...what, ...bounds }),
  );
  const tenants = results
    .map(({ tenantId, result }) => ({ tenantId, count: result.count }))
    .filter(({ count }) => count > 0);
  return { count: sum(tenants), tenants, failures, operationId: null, state: null };
}

/** @param tenants null for all */
async function change(
  session: Session,
  { messages }: MultiOutbox,
  request: OperationRequest,
  tenants: readonly string[] | null,
): Promise<Outcome> {
  const { operation, counted: before } = await messages.operations.create({
    ...request,
    ...(tenants !== null && { tenants }),
  });
  const progress =
    before.counted > 1_000 ? await startProgress(request.act, 'messages', session.options) : null;
  const ended = await messages.operations.resume(operation.id, {
    onProgress: ({ changed }) => progress?.update(changed, before.counted),
  });
  progress?.stop();
  const { changed, failures, id } = ended;
  return { count: changed, tenants: before.tenants, failures, operationId: id, state: ended.state };
}

function sum(tenants: readonly { readonly count: number }[]): number {
  return tenants.reduce((total, { count }) => total + count, 0);
}
