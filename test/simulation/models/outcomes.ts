/** What an outcome makes of its message (Q8), and whether it is the one that the handler's attempt asked for. */
import type { Outcome } from '../../../src/engine/message.ts';
import { type Attempts, allows } from './attempts.ts';
import type { MessageModel } from './messages.ts';
import { brokenIn, delayFromNow, type QueueModelOptions } from './queue-options.ts';

export function applyOutcome(
  options: QueueModelOptions,
  attempts: Attempts,
  message: MessageModel,
  outcome: Outcome,
): void {
  checkOutcome(options, attempts, message, outcome);
  attempts.settled(message.messageId, message.claim!);
  message.claim = null;
  message.isUnknown = false;
  switch (outcome.kind) {
    case 'done':
      endMessage(message, 'done');
      return;
    case 'dead':
      if (outcome.unstarted === true) message.attempts--;
      endMessage(message, 'dead');
      return;
    case 'retry':
      message.recovered = false;
      message.notBefore = delayFromNow(options, outcome.delayMs);
      break;
    case 'release':
      message.attempts--;
      if (outcome.parked === true) message.notBefore = null;
      else if (outcome.delayMs > 0) message.notBefore = delayFromNow(options, outcome.delayMs);
      break;
  }
  message.state = 'ready';
}

export function endMessage(message: MessageModel, state: 'done' | 'dead'): void {
  Object.assign(message, { state, claim: null, isUnknown: false, recovered: false });
}

function checkOutcome(
  options: QueueModelOptions,
  attempts: Attempts,
  { messageId, claim, sequence, topic, attempts: count, isUnknown }: MessageModel,
  outcome: Outcome,
): void {
  const most = options.maxAttempts(topic);
  const last = attempts.last(messageId, claim!);
  // SQLite's calls have no ids (an answer within a process is not lost), so the repeat of a retry may meet the next attempt,
  // which the call before it claimed.
  const isRepeat = isUnknown && (outcome.kind === 'retry' || outcome.kind === 'release');
  if (!isRepeat && !allows(last, outcome, count >= most)) {
    const did = last === undefined ? 'was not started' : `is ${last.state}`;
    brokenIn(
      options,
      'D3 outcome',
      `attempt ${count} of message ${sequence} ${did}, its outcome ${outcome.kind}`,
    );
  }
  // Only a message whose attempts are used up goes to Dead unstarted: every topic has a handler somewhere.
  if (outcome.kind === 'dead' && outcome.unstarted === true && count <= most) {
    const what = `message ${sequence} is Dead after ${count - 1} of ${most} attempts: ${outcome.error}`;
    brokenIn(options, 'Dead for a reason', what);
  }
}
