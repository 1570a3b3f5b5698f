import type { Command } from 'commander';
import { exactDuration } from '../../duration-text.ts';
import type { Operation } from '../../fleet/messages/operations.ts';
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
    .description('list, show, resume and cancel acts on all messages that match');
  operations
    .command('list')
    .description('list operations, the latest first')
    .option('--limit <number>', 'show at most this many', wholeNumber(1, 1_000), 20)
    .option('--before <id>', 'only operations that were created before this one')
    .action((options: { limit: number; before?: string }, command: Command) =>
      run(command, async (session) => {
        const multiOutbox = await session.open();
        const listed = await multiOutbox.messages.operations.list(options);
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
                    cell: ({ changed, ...operation }) => `${number(changed)} of ${countedText(operation)}`,
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
        const operation = await multiOutbox.messages.operations.get(id);
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
        const progress = await startProgress('Resuming', 'messages', session.options);
        const operation = await multiOutbox.messages.operations
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
        const operation = await multiOutbox.messages.operations.cancel(id);
        await session.show(
          { operation },
          () => `Operation ${id} is cancelled; it had changed ${counted(operation.changed, 'message')}.`,
        );
      }),
    );
}

function countedText({
  counted: count,
  countedAtLeast,
  uncounted,
}: Pick<Operation, 'counted' | 'countedAtLeast' | 'uncounted'>): string {
  if (uncounted.length === 0) return `${countedAtLeast ? 'at least ' : ''}${number(count)}`;
  return `at least ${number(count)}; ${counted(uncounted.length, 'tenant')} did not answer`;
}

function stateText({ state, failures }: Operation): string {
  return failures.length === 0 ? state : `${state}, ${counted(failures.length, 'tenant')} failed`;
}

async function operationText(operation: Operation, terminal: Terminal): Promise<string> {
  const { act, failures, tenants } = operation;
  const text = await facts(
    [
      ['Operation', operation.id],
      ['State', stateText(operation)],
      ['Act', act.act],
      ['Reason', act.reason],
      ['Delay', typeof act.delay === 'number' ? exactDuration(act.delay) : act.delay],
      ['Queue', operation.queue],
      ['Filter', flatPairs(operation.filter)],
      ['Tenants', tenants === null ? 'all' : tenants.join(', ')],
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
