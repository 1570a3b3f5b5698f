import type { Command } from 'commander';
import { exactDuration } from '../../duration-text.ts';
import type {
  MessagesOperation,
  Operation,
  OperationSummary,
  TenantsOperation,
} from '../../fleet/stored-operations/operation.ts';
import { wholeNumber } from '../arguments.ts';
import { throwFailures } from '../failures.ts';
import { throwUnlessDone } from '../output/operation.ts';
import { startProgress } from '../output/progress.ts';
import { facts, table } from '../output/table.ts';
import type { Terminal } from '../output/terminal.ts';
import { age, counted, escapedLine, flatPairs, number, time } from '../output/text.ts';
import type { Runner } from '../runner.ts';

export function operationsCommands(program: Command, run: Runner): void {
  const operations = program
    .command('operations')
    .description('list, show, resume and cancel acts on all messages that match, and on many tenants');
  operations
    .command('list')
    .description('list operations, the latest first')
    .option('--limit <number>', 'show at most this many', wholeNumber(1, 1_000), 20)
    .option('--before <id>', 'only operations that were created before this one')
    .action((options: { limit: number; before?: string }, command: Command) =>
      run(command, async (session) => {
        const multiOutbox = await session.open();
        const listed = await multiOutbox.operations.list(options);
        await session.show({ operations: listed }, () =>
          listed.length === 0
            ? 'There is no operation.'
            : table(
                listed,
                [
                  { title: 'Operation', cell: ({ id }) => id },
                  { title: 'State', cell: stateText },
                  { title: 'Act', cell: ({ act }) => act.act },
                  {
                    title: 'Changed',
                    cell: (operation) => `${number(operation.changed)} of ${countedText(operation)}`,
                    align: 'right',
                  },
                  { title: 'Age', cell: ({ createdUtc }) => age(new Date(createdUtc)), align: 'right' },
                  { title: 'By', cell: ({ actor }) => actor, spare: 1 },
                ],
                session.terminal,
              ),
        );
      }),
    );
  operations
    .command('show')
    .description('show an operation with its filter, progress and the tenants that failed')
    .argument('<operation>', 'id of the operation')
    .action((id: string, _options: object, command: Command) =>
      run(command, async (session) => {
        const multiOutbox = await session.open();
        const operation = await multiOutbox.operations.get(id);
        await session.show({ operation }, () => operationText(operation, session.terminal));
      }),
    );
  operations
    .command('resume')
    .description('go on with an operation that was interrupted, or try the tenants that failed again')
    .argument('<operation>', 'id of the operation')
    .action((id: string, _options: object, command: Command) =>
      run(command, async (session) => {
        const multiOutbox = await session.open();
        const progress = await startProgress('Resuming', 'changes', session.options);
        const operation = await multiOutbox.operations
          .resume(id, { onProgress: ({ changed, counted: of }) => progress?.update(changed, of) })
          .finally(() => progress?.stop());
        await session.show({ operation }, () => operationText(operation, session.terminal));
        throwUnlessDone(operation);
        throwFailures(operation.failures);
      }),
    );
  operations
    .command('cancel')
    .description('end an operation; what it has changed stays')
    .argument('<operation>', 'id of the operation')
    .action((id: string, _options: object, command: Command) =>
      run(command, async (session) => {
        const multiOutbox = await session.open();
        const operation = await multiOutbox.operations.cancel(id);
        await session.show(
          { operation },
          () =>
            `Operation ${id} is cancelled; it had changed ${counted(operation.changed, nounOf(operation))}.`,
        );
      }),
    );
}

function nounOf({ on }: Pick<Operation, 'on'>): string {
  return on === 'messages' ? 'message' : 'tenant';
}

/** A list has numbers, and an operation the ids. */
function lengthOf(tenants: number | readonly unknown[]): number {
  return typeof tenants === 'number' ? tenants : tenants.length;
}

function countedText(operation: Operation | OperationSummary): string {
  const { counted: count } = operation;
  if (operation.on === 'tenants') return counted(count, 'tenant');
  const uncounted = lengthOf(operation.uncounted);
  if (uncounted === 0) return `${operation.countedAtLeast ? 'at least ' : ''}${number(count)}`;
  return `at least ${number(count)}; ${counted(uncounted, 'tenant')} did not answer`;
}

function stateText({ state, failures }: Operation | OperationSummary): string {
  const failed = lengthOf(failures);
  return failed === 0 ? state : `${state}, ${counted(failed, 'tenant')} failed`;
}

/** So many ids are shown; `--json` has all of them. */
const mostShown = 100;

function tenantsText(tenants: Operation['tenants']): string {
  if (tenants === null) return 'all';
  const shown = tenants.slice(0, mostShown).join(', ');
  return tenants.length > mostShown ? `${shown} and ${number(tenants.length - mostShown)} others` : shown;
}

async function operationText(operation: Operation, terminal: Terminal): Promise<string> {
  const { failures } = operation;
  const text = await facts(
    [
      ['Operation', operation.id],
      ['State', stateText(operation)],
      ['Act', operation.act.act],
      ...(operation.on === 'messages' ? messagesFacts(operation) : tenantsFacts(operation)),
      ['Tenants', tenantsText(operation.tenants)],
      ['Counted', countedText(operation)],
      ['Changed', operation.changed],
      ['Tenants done', operation.tenantsDone],
      ['By', operation.actor],
      ['Created', time(operation.createdUtc)],
      ['Updated', time(operation.updatedUtc)],
    ],
    terminal,
  );
  return [
    text,
    ...failures.map(({ tenantId, code, message }) => `${tenantId}: ${code}: ${escapedLine(message)}`),
  ].join('\n');
}

type Fact = Parameters<typeof facts>[0][number];

function messagesFacts({ act, queue, filter }: MessagesOperation): Fact[] {
  return [
    ['Reason', act.reason],
    ['Delay', typeof act.delay === 'number' ? exactDuration(act.delay) : act.delay],
    ['Queue', queue],
    ['Filter', flatPairs(filter)],
  ];
}

function tenantsFacts({ act }: TenantsOperation): Fact[] {
  if (act.act !== 'change-overrides') return [];
  const changes = Object.entries(act.overrides).map(([name, value]) => `${name}=${value ?? "the fleet's"}`);
  return [['Overrides', changes.join(', ')]];
}
