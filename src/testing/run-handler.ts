/** One attempt of one message, by a real dispatch run that gets no other message. */
import type { TenantDatabase } from '../engine/engine.ts';
import type { Outcome, WorkQueue } from '../engine/work-queue.ts';
import { type ErrorCode, MultiOutboxError } from '../errors.ts';
import type { Handler } from '../queue/handler.ts';
import { HandlerSet } from '../queue/handler-set.ts';
import { interrupted } from '../queue/outcome.ts';
import { type QueueRunOptions, runQueue } from '../queue/run.ts';
import type { Settings } from '../settings.ts';
import { OneMessage } from './one-message.ts';

/** The message that a handler is run for, and what surrounds it. */
export interface RunHandlerOptions {
  /** The first tenant when absent. */
  readonly tenantId?: string;
  /** How often the message was started, this time included: 1 when absent. */
  readonly attempt?: number;
  readonly messageId?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly correlationId?: string;
  readonly orderingKey?: string;
  /** Of inbox handlers: who sent the message; the handler's own source, or 'test', when absent. */
  readonly source?: string;
  /** Of inbox handlers: the id that its source gave it; one of its own when absent. */
  readonly sourceMessageId?: string;
  /** Stops the run as a host that is being stopped does: the handler's signal fires, then comes the grace. */
  readonly signal?: AbortSignal;
}

/** What became of the message. Delays are milliseconds; of a retry the longest that the jitter allows. */
export type HandlerOutcome =
  | { readonly status: 'done' }
  | { readonly status: 'retry'; readonly delayMs: number; readonly error: string }
  | { readonly status: 'dead'; readonly error: string }
  /** Comes back after the delay; the attempt does not count. */
  | { readonly status: 'released'; readonly delayMs: number; readonly error: string };

export interface Scene extends Pick<QueueRunOptions, 'tenant' | 'logger' | 'random'> {
  readonly database: TenantDatabase;
  readonly settings: Settings;
}

/** @throws MultiOutboxError INVALID_ARGUMENT when the message, which is stored, cannot be started now */
export async function attemptOnce(
  { database, settings, ...surroundings }: Scene,
  handler: Handler,
  messageId: string,
  { attempt, signal }: Pick<RunHandlerOptions, 'attempt' | 'signal'>,
): Promise<HandlerOutcome> {
  if (attempt !== undefined && !(Number.isInteger(attempt) && attempt > 0)) {
    throw invalid(`'attempt' is ${attempt}; it must be a whole number from 1 on`);
  }
  // Such a run claims nothing.
  if (signal?.aborted) return told(interrupted);
  const only = new OneMessage(database.queue(handler.queue), messageId, attempt);
  const report = await runQueue({
    ...surroundings,
    // A run calls no more of a queue than this one has.
    queue: only as Partial<WorkQueue> as WorkQueue,
    handlers: new HandlerSet([handler]),
    owner: 'runHandler',
    context: 'runHandler',
    dispatch: settings.dispatch,
    retry: settings.retry,
    retention: settings.retention,
    budgetMs: settings.dispatch.timeBudgetMs,
    signal,
    outbox: database.queue('outbox'),
  });
  if (report.status === 'leased-elsewhere') {
    throw invalid('the handler cannot be run while a dispatch run of the same tenant goes on; wait for it');
  }
  if (report.error) throw new MultiOutboxError(report.error.code as ErrorCode, report.error.message);
  if (only.outcome === undefined) {
    throw invalid(
      `message ${messageId} cannot be started now: it is settled, or waits behind another message of its ordering key; give it another id or key, or drain first`,
    );
  }
  return told(only.outcome);
}

function told(outcome: Outcome): HandlerOutcome {
  switch (outcome.kind) {
    case 'done':
      return { status: 'done' };
    case 'retry':
      return { status: 'retry', delayMs: outcome.delayMs, error: outcome.error };
    case 'dead':
      return { status: 'dead', error: outcome.error };
    case 'release':
      return { status: 'released', delayMs: outcome.delayMs, error: outcome.error ?? '' };
  }
}

function invalid(problem: string): MultiOutboxError {
  return new MultiOutboxError('INVALID_ARGUMENT', `runHandler: ${problem}.`);
}
