import type { Command } from 'commander';
import ms from 'ms';
import type { Handler } from '../../queue/handler.ts';
import type { RetryPolicy } from '../../queue/retry.ts';
import { table } from '../output/table.ts';
import type { Runner } from '../runner.ts';

export function handlersCommands(program: Command, run: Runner): void {
  const handlers = program.command('handlers').description('look at handlers');
  handlers
    .command('list')
    .description('list the topics that this program has handlers for')
    .action((_options: object, command: Command) =>
      run(command, async (session) => {
        // Through the library, which refuses two handlers for one topic (D4).
        const { handlers: found } = await session.open({ handlers: true });
        const { dispatch, retry } = session.settings;
        const shown = [...found]
          .sort(
            (left, right) => right.queue.localeCompare(left.queue) || left.topic.localeCompare(right.topic),
          )
          .map((handler) => effective(handler, retry, dispatch));
        await session.show({ handlers: shown, file: session.settings.handlersModule ?? null }, () =>
          shown.length === 0
            ? 'There are no handlers: every message would be parked.'
            : table(
                shown,
                [
                  { title: 'Queue', cell: ({ queue }) => queue },
                  { title: 'Topic', cell: ({ topic }) => topic },
                  { title: 'Source', cell: ({ source }) => source ?? '' },
                  { title: 'Schema', cell: ({ schema }) => (schema ? 'checked' : '') },
                  { title: 'Timeout', cell: ({ timeoutMs }) => ms(timeoutMs), align: 'right' },
                  { title: 'Concurrency', cell: ({ concurrency }) => concurrency, align: 'right' },
                  { title: 'Attempts', cell: (handler) => handler.retry.maxAttempts, align: 'right' },
                  {
                    title: 'Retry',
                    cell: (handler) => `${ms(handler.retry.baseMs)} … ${ms(handler.retry.maxDelayMs)}`,
                  },
                ],
                session.colors,
              ),
        );
      }),
    );
}

/** A handler with what it takes from the settings filled in. */
function effective(
  { queue, topic, source, schema, timeoutMs, concurrency, retry }: Handler,
  fallbackRetry: RetryPolicy,
  dispatch: { handlerTimeoutMs: number; concurrency: number },
) {
  return {
    queue,
    topic,
    source: source ?? null,
    schema: schema !== undefined,
    timeoutMs: timeoutMs ?? dispatch.handlerTimeoutMs,
    concurrency: concurrency ?? dispatch.concurrency,
    retry: { ...fallbackRetry, ...retry },
  };
}
