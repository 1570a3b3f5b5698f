/** When a handler may be called (Q4, Q5, Q7, F7). */
import type { MessageModel } from './messages.ts';
import { brokenIn, type QueueModelOptions } from './queue-options.ts';

/** A call of a handler, as its context describes it. */
export interface StartedHandler {
  readonly messageId: string;
  readonly fence: number;
  /** The attempt's number. */
  readonly number: number;
}

export function checkStart(
  options: QueueModelOptions,
  { messageId, fence, number }: StartedHandler,
  message: MessageModel | undefined,
  acquisitionId: string,
): void {
  if (message === undefined)
    brokenIn(options, 'never invented', `a handler got ${messageId}, which is not stored`);
  const { sequence, topic, state, claim, attempts, wokenAt, orderingKey } = message;
  const broken = (invariant: string, what: string) =>
    brokenIn(options, invariant, `message ${sequence} ${what}`);
  if (state !== 'claimed' || claim !== acquisitionId)
    broken('Q4 claim', `is ${state}, but fence ${fence} started it`);
  if (number !== attempts) broken('Q5 attempts', `has attempt ${number}, but ${attempts} were counted`);
  if (number > options.maxAttempts(topic)) broken('Q7 maximum', `was started for the ${number}th time`);
  const mostMs = options.startsWithinMs;
  if (wokenAt === null || orderingKey !== null || mostMs === null) return;
  const ms = options.now() - wokenAt;
  if (ms > mostMs) broken('F7 wake', `started ${ms} ms after its wake`);
}
