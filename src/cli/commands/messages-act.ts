import type { Command } from 'commander';
import { type ActName, actStates } from '../../engine/message-search.ts';
import type { QueueName } from '../../engine/work-queue.ts';
import type { ActDefinition } from '../../fleet/messages/acts.ts';
import { countBounds, sumOf, type TenantCount } from '../../fleet/messages/counted-tenants.ts';
import type { MessageSelection } from '../../fleet/messages/selection.ts';
import type { MessagesOperationRequest } from '../../fleet/stored-operations/requests.ts';
import type { MultiOutbox } from '../../multi-outbox.ts';
import { durationArgument } from '../arguments.ts';
import { throwFailures } from '../failures.ts';
import { chosenTenants, forEachTenant } from '../for-each-tenant.ts';
import { addMessageOptions, type MessageOptions, type MessageView, selectionOf } from '../message-filter.ts';
import { changedText, countedText, throwUnlessDone } from '../output/operation.ts';
import { startProgress } from '../output/progress.ts';
import type { Runner } from '../runner.ts';
import type { Session } from '../session.ts';

interface ActOptions extends MessageOptions {
  yes?: true;
  reason?: string;
  delay?: number;
}

interface ActWords {
  readonly description: string;
  readonly doing: string;
  readonly would: string;
  readonly did: string;
}

const words: Readonly<Record<ActName, ActWords>> = {
  replay: {
    description: 'make Dead messages ready again and reset their attempts',
    doing: 'Replaying',
    would: 'would be replayed',
    did: 'replayed',
  },
  discard: {
    description: 'delete Dead messages permanently',
    doing: 'Deleting',
    would: 'would be deleted permanently',
    did: 'deleted permanently',
  },
  cancel: {
    description: 'end Ready and Dead messages without running them; they are kept for the retention period',
    doing: 'Cancelling',
    would: 'would be cancelled',
    did: 'cancelled',
  },
  reschedule: {
    description: 'change when Ready messages are due',
    doing: 'Rescheduling',
    would: 'would be rescheduled',
    did: 'rescheduled',
  },
};

/** A command for an act. Without --yes it only counts messages, changes nothing and exits with code 0. */
export function messagesActCommand(parent: Command, act: ActName, view: MessageView, run: Runner): void {
  const { description } = words[act];
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
    command.requiredOption(
      '--delay <duration>',
      'due this long from now; 0s for now (required)',
      durationArgument,
    );
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
        const what = { queue, filter };
        if (options.yes !== true) {
          const would = await countOnly(session, multiOutbox, what, tenantIds);
          await session.show({ action: act, changed: false, ...would }, () =>
            countedText(would, tenantIds.length, view.noun, words[act]),
          );
          throwFailures(would.failures);
          return;
        }
        const request = { ...definition, ...what, ...(!options.all && { tenants: tenantIds }) };
        const { operation, ...done } = await change(session, multiOutbox, request);
        const { id, state, takenOver, failures } = operation;
        const result = { action: act, changed: true, ...done, failures, operationId: id, state, takenOver };
        await session.show(result, () =>
          changedText(done, tenantIds.length, view.noun, words[act], operation),
        );
        throwUnlessDone(operation);
        throwFailures(failures);
      }),
    );
}

async function countOnly(
  session: Session,
  { messages }: MultiOutbox,
  what: { readonly queue: QueueName; readonly filter: MessageSelection },
  tenantIds: readonly string[],
) {
  const { results, failures } = await forEachTenant(tenantIds, 'Counting', session.options, (tenantId) =>
    messages.count({ tenantId, ...what, ...countBounds }),
  );
  const tenants = results
    .map(({ tenantId, result: { count, cut } }) => ({ tenantId, count, atLeast: cut !== null }))
    .filter(({ count, atLeast }) => count > 0 || atLeast);
  const { counted: count, atLeast } = sumOf(tenants);
  return { count, atLeast, tenants, failures };
}

/** Counts what it has changed itself: an operation that was cancelled or taken over does not keep its last batch. */
async function change(session: Session, { operations }: MultiOutbox, request: MessagesOperationRequest) {
  const progress = await startProgress(words[request.act].doing, 'messages', session.options);
  // While they are counted, nobody knows how many there are.
  progress.update(0);
  const tenants: TenantCount[] = [];
  const work = async () => {
    const { operation: created, counted: before } = await operations.create(request);
    return operations.resume(created.id, {
      onProgress: ({ changed }) => progress.update(changed, before.counted),
      onTenant: ({ tenantId, changed }) => {
        if (changed > 0) tenants.push({ tenantId, count: changed, atLeast: false });
      },
    });
  };
  const operation = await work().finally(() => progress.stop());
  tenants.sort((a, b) => (a.tenantId < b.tenantId ? -1 : 1));
  const { counted: count, atLeast } = sumOf(tenants);
  return { operation, count, atLeast, tenants };
}
