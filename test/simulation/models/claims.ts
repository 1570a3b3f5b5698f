/** What a claim may return (Q4, Q5, Q7, Q11, D6). */
import type { ClaimedMessage } from '../../../src/engine/message.ts';
import type { MessageModel } from './messages.ts';
import { brokenIn, type QueueModelOptions, waitedMs } from './queue-options.ts';

export interface BatchLimits {
  readonly limit: number;
  /** How many recovered messages it may take together; 0 if the claim is not solo. */
  readonly together: number;
}

/** @param inFlight the messages that the run has in flight already */
export function checkBatch(
  options: QueueModelOptions,
  messages: readonly ClaimedMessage[],
  inFlight: readonly MessageModel[],
  { limit, together }: BatchLimits,
): void {
  if (messages.length === 0) return;
  if (messages.length > limit)
    brokenIn(options, 'Q4 batch', `a claim took ${messages.length} of at most ${limit}`);
  const count = inFlight.length + messages.length;
  if (count > 2 * options.batchSize)
    brokenIn(options, 'D6 memory', `${count} messages of one run are in flight`);
  const recovered = messages.filter((message) => message.recovered);
  if (recovered.length === 0 && !inFlight.some((message) => message.recovered)) return;
  const areApart =
    inFlight.length === 0 && recovered.length === messages.length && messages.length <= together;
  if (!areApart) brokenIn(options, 'Q7 apart', 'a recovered message was claimed beside others');
}

export function checkClaim(
  options: QueueModelOptions,
  claimed: ClaimedMessage,
  message: MessageModel | undefined,
): void {
  const broken = (invariant: string, what: string) =>
    brokenIn(options, invariant, `message ${claimed.sequence} ${what}`);
  if (message === undefined)
    brokenIn(options, 'never invented', `${claimed.messageId} was claimed, but is not stored`);
  const { state, attempts, recovered, notBefore } = message;
  if (state !== 'ready') broken('Q4 claim', `was claimed, but it is ${state}`);
  const waited = notBefore === null ? 0 : waitedMs(options, notBefore);
  // Databases keep whole milliseconds.
  if (notBefore !== null && waited + 1 < notBefore.ms) {
    broken('Q11 due', `was claimed after ${waited} of ${notBefore.ms} ms`);
  }
  if (claimed.dueUtc.getTime() > options.databaseNow())
    broken('Q11 due', 'was claimed before its stored due time');
  if (claimed.attempt !== attempts + 1)
    broken('Q5 attempts', `has attempt ${claimed.attempt} after ${attempts}`);
  if (claimed.recovered !== recovered) {
    broken('Q7 apart', `is ${recovered ? '' : 'not '}recovered, and its claim says otherwise`);
  }
}
