/** Functions with which the suites take a run through a work queue. Payloads identify messages. */
import { randomUUID } from 'node:crypto';
import type { LeaseRef } from '../../src/engine/lease-store.ts';
import type {
  ClaimedMessage,
  EnqueueResult,
  MessageRecord,
  NewMessage,
  SettledMessage,
} from '../../src/engine/message.ts';
import type {
  BeginResult,
  HandledTopic,
  Retention,
  SettleRequest,
  SettleResult,
  TopicRoom,
  WorkQueue,
} from '../../src/engine/work-queue.ts';

/** Milliseconds; no test waits this long. */
export const anHour = 3_600_000;
/** A lease that outlives its test. */
const longLease = 600_000;
const roomy = { limit: 1_000, maxBytes: 256 * 1024 * 1024 };

export type ClaimedRun = Extract<BeginResult, { status: 'claimed' }>;

export function message(payload: string, fields: Partial<NewMessage> = {}): NewMessage {
  return { messageId: randomUUID(), topic: 'orders', payload, ...fields };
}

/** Messages of one ordering key. */
export function line(orderingKey: string, ...payloads: string[]): NewMessage[] {
  return payloads.map((payload) => message(payload, { orderingKey }));
}

export interface BeginOptions {
  owner?: string;
  context?: string;
  durationMs?: number;
  limit?: number;
  maxBytes?: number;
  rooms?: readonly TopicRoom[];
  retention?: Retention;
  handled?: readonly HandledTopic[];
}

export function begin(queue: WorkQueue, options: BeginOptions = {}): Promise<BeginResult> {
  const {
    owner = 'host-1',
    durationMs = longLease,
    limit = roomy.limit,
    maxBytes = roomy.maxBytes,
  } = options;
  return queue.begin({
    owner,
    durationMs,
    claim: { limit, maxBytes, ...(options.rooms && { rooms: options.rooms }) },
    ...(options.handled && { handled: options.handled }),
    ...(options.context === undefined ? {} : { context: options.context }),
    ...(options.retention === undefined ? {} : { retention: options.retention }),
  });
}

/** Begins, and fails unless something was claimed. */
export async function take(queue: WorkQueue, options: BeginOptions = {}): Promise<ClaimedRun> {
  const result = await begin(queue, options);
  if (result.status !== 'claimed') throw new Error(`expected a claim, got ${JSON.stringify(result)}`);
  return result;
}

/**
 * Begins a new run as if the previous one had crashed. The same owner acquires again at once (L2), so that the test
 * need not wait for the lease to run out.
 */
export const takeAfterCrash = take;

export type Then = SettleRequest['then'];
export const keep: Then = { do: 'renew-lease' };
export const release: Then = { do: 'release-lease' };

/** The step that claims the next batch; `solo` unless the options say otherwise. */
export function next(
  options: {
    solo?: boolean;
    together?: number;
    limit?: number;
    maxBytes?: number;
    rooms?: readonly TopicRoom[];
  } = {},
): Then {
  return { do: 'claim', solo: true, ...roomy, ...options };
}

export function settle(
  queue: WorkQueue,
  lease: LeaseRef,
  outcomes: readonly SettledMessage[],
  then: Then = release,
  options: { onDead?: 'block' | 'continue'; leaseMs?: number; retention?: Retention } = {},
): Promise<SettleResult> {
  return queue.settle({ lease, leaseMs: longLease, outcomes, onDead: 'block', then, ...options });
}

type Settled = Pick<ClaimedMessage, 'sequence' | 'messageId'>;

export function done({ sequence, messageId }: Settled): SettledMessage {
  return { sequence, messageId, kind: 'done' };
}

export function retry({ sequence, messageId }: Settled, delayMs = 0, error = 'it failed'): SettledMessage {
  return { sequence, messageId, kind: 'retry', delayMs, error };
}

export function dead(
  { sequence, messageId }: Settled,
  error = 'it cannot work',
): Extract<SettledMessage, { kind: 'dead' }> {
  return { sequence, messageId, kind: 'dead', error };
}

export function giveBack({ sequence, messageId }: Settled, delayMs = 0): SettledMessage {
  return { sequence, messageId, kind: 'release', delayMs };
}

export function park({ sequence, messageId }: Settled, delayMs = 0): SettledMessage {
  return { sequence, messageId, kind: 'release', delayMs, parked: true };
}

export function payloads(messages: readonly { payload: string }[]): string[] {
  return messages.map(({ payload }) => payload);
}

/**
 * Settles everything as done and claims the next batch in the same calls, until nothing is left. Returns all claims,
 * the run's first one included.
 */
export async function finish(queue: WorkQueue, run: ClaimedRun, claim = next()): Promise<ClaimedMessage[][]> {
  const claims: ClaimedMessage[][] = [];
  let { messages } = run;
  while (messages.length > 0) {
    claims.push(messages);
    // With an engine that returns settled messages again, this test would never end.
    if (claims.length > 200) throw new Error('a run that only settles its messages as done does not end');
    const settled = await settle(queue, run.lease, messages.map(done), claim);
    expect(settled.unmatched).toEqual([]);
    ({ messages } = settled);
  }
  return claims;
}

/** The stored record of a message; fails when there is none. */
export async function stored(queue: WorkQueue, { messageId }: { messageId: string }): Promise<MessageRecord> {
  const record = await queue.get(messageId);
  if (record === null) throw new Error(`message ${messageId} is not stored`);
  return record;
}

/** Enqueues one message, claims it and lets it die. Nothing else may be due. */
export async function enqueueDead(
  queue: WorkQueue,
  letter: NewMessage,
  onDead: 'block' | 'continue' = 'block',
): Promise<EnqueueResult> {
  const [result] = await queue.enqueue([letter]);
  const run = await take(queue);
  await settle(
    queue,
    run.lease,
    run.messages.map((each) => dead(each)),
    release,
    { onDead },
  );
  return result!;
}
