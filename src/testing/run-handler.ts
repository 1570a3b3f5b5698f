/** One attempt at one message, by a real dispatch run that gets no other message. */
import type { TenantDatabase } from '../engine/engine.ts';
import type { Outcome } from '../engine/message.ts';
import type { WorkQueue } from '../engine/work-queue.ts';
import { type ErrorCode, MultiOutboxError, shownValue } from '../errors.ts';
import type { NamesOf } from '../options.ts';
import type { Handler } from '../queue/handler.ts';
import { HandlerSet } from '../queue/handler-set.ts';
import { interrupted } from '../queue/outcome.ts';
import { type QueueRunOptions, runQueue } from '../queue/run.ts';
import type { Settings } from '../settings.ts';
import { OneMessage } from './one-message.ts';

/** Options of one run of a handler: the fields of its message, and how to run it. */
export interface RunHandlerOptions {
  /** Default: the first tenant. */
  readonly tenantId?: string;
  /** The attempt's number. Default: 1. */
  readonly attempt?: number;
  readonly messageId?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly correlationId?: string;
  readonly orderingKey?: string;
  /** For inbox handlers: the message's sender. Default: the handler's own source, or 'test'. */
  readonly source?: string;
  /** For inbox handlers: the source's id for the message. Default: a generated one. */
  readonly sourceMessageId?: string;
  /** Stops the run as a host's shutdown does: the handler's signal fires, and the grace begins. */
  readonly signal?: AbortSignal;
}

export const runHandlerNames: NamesOf<RunHandlerOptions> = {
  tenantId: true,
  attempt: true,
  messageId: true,
  headers: true,
  correlationId: true,
  orderingKey: true,
  source: true,
  sourceMessageId: true,
  signal: true,
};

/** The message's outcome. Delays are milliseconds; the delay of a retry is the longest that the jitter allows. */
export type HandlerOutcome =
  | { readonly status: 'done' }
  | { readonly status: 'retry'; readonly delayMs: number; readonly error: string }
  | { readonly status: 'dead'; readonly error: string }
  /** The message comes back after the delay; the attempt does not count. */
  | { readonly status: 'released'; readonly delayMs: number; readonly error: string };

export interface Scene extends Pick<QueueRunOptions, 'tenant' | 'logger' | 'random'> {
  readonly database: TenantDatabase;
  readonly settings: Settings;
}

/** @throws MultiOutboxError INVALID_ARGUMENT when the stored message cannot be started now */
export async function attemptOnce(
  { database, settings, ...surroundings }: Scene,
  handler: Handler,
  messageId: string,
  { attempt, signal }: Pick<RunHandlerOptions, 'attempt' | 'signal'>,
): Promise<HandlerOutcome> {
  if (attempt !== undefined && !(Number.isInteger(attempt) && attempt > 0)) {
    throw invalid(`'attempt' is ${shownValue(attempt)}; it must be a whole number from 1 on`);
  }
  // A run whose signal has fired claims nothing.
  if (signal?.aborted) return handlerOutcome(interrupted);
  const only = new OneMessage(database.queue(handler.queue), messageId, attempt);
  const report = await runQueue({
    ...surroundings,
    // OneMessage has every method of a queue that a run calls.
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
    throw invalid(
      'another dispatch run of the same tenant has the queue lease, so the handler cannot run now; await that run first',
    );
  }
  if (report.error) throw new MultiOutboxError(report.error.code as ErrorCode, report.error.message);
  if (only.outcome === undefined) {
    throw invalid(
      `message ${messageId} cannot be started now: it is settled already, or an earlier message of its ordering key blocks it; give it another id or key, or call drain first`,
    );
  }
  return handlerOutcome(only.outcome);
}

function handlerOutcome(outcome: Outcome): HandlerOutcome {
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
