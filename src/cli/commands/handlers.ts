import type { Command } from 'commander';
import { exactDuration } from '../../duration-text.ts';
import type { Handler } from '../../queue/handler.ts';
import type { RetryPolicy } from '../../queue/retry.ts';
import { table } from '../output/table.ts';
import type { Runner } from '../runner.ts';

export function handlersCommands(program: Command, run: Runner): void {
  const handlers = program.command('handlers').description('list handlers');
  handlers
    .command('list')
    .description('list the loaded handlers, one for each topic, with their effective settings')
    .action((_options: object, command: Command) =>
      run(command, async (session) => {
        // Opens the library, because it rejects two handlers for one topic (D4).
        const { handlers: found } = await session.open({ handlers: true });
        const { dispatch, retry } = session.settings;
        const shown = [...found]
          .sort(
            (left, right) => right.queue.localeCompare(left.queue) || left.topic.localeCompare(right.topic),
          )
          .map((handler) => effective(handler, retry, dispatch));
        await session.show({ handlers: shown, file: session.settings.handlersModule ?? null }, () =>
          shown.length === 0
            ? 'There are no handlers, so every message would be parked; name a handler module with --handlers.'
            : table(
                shown,
                [
                  { title: 'Queue', cell: ({ queue }) => queue },
                  { title: 'Topic', cell: ({ topic }) => topic, breaks: true },
                  { title: 'Source', cell: ({ source }) => source ?? '', breaks: true },
                  { title: 'Schema', cell: ({ schema }) => (schema ? 'checked' : ''), spare: 2 },
                  { title: 'Timeout', cell: ({ timeoutMs }) => exactDuration(timeoutMs), align: 'right' },
                  { title: 'Concurrency', cell: ({ concurrency }) => concurrency, align: 'right', spare: 1 },
                  { title: 'Attempts', cell: (handler) => handler.retry.maxAttempts, align: 'right' },
                  {
                    title: 'Retry',
                    cell: (handler) =>
                      `${exactDuration(handler.retry.baseMs)} … ${exactDuration(handler.retry.maxDelayMs)}`,
                  },
                ],
                session.terminal,
              ),
        );
      }),
    );
}

/** The handler's own settings, completed from the fleet's. */
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
