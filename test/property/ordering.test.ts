import fc from 'fast-check';
import { MessageStatus } from '../../src/engine/message.ts';
import type { WorkQueue } from '../../src/engine/work-queue.ts';
import {
  defineHandler,
  type HandlerContext,
  type Message,
  PermanentError,
  Snooze,
} from '../../src/queue/handler.ts';
import { message, run } from '../support/queue-run.ts';
import { SqlitePlace } from '../support/sqlite-place.ts';

const place = new SqlitePlace();
/** Milliseconds that the database's clock is ahead: the test skips the time until the next message is due. */
let aheadMs = 0;
const clock = () => Date.now() + aheadMs;
const maxAttempts = 3;
const retry = { baseMs: 2, maxAttempts };

/** How one start of a message ends. */
type Ending = 'returns' | 'resolves' | 'throws' | 'permanent' | 'later' | 'times out';
const endings: fc.Arbitrary<Ending> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom<Ending>('returns', 'resolves') },
  { weight: 3, arbitrary: fc.constantFrom<Ending>('throws', 'later') },
  { weight: 1, arbitrary: fc.constantFrom<Ending>('permanent', 'times out') },
);

interface Scripted {
  readonly key: string | null;
  /** One ending for each start; the last one counts for all further starts. */
  readonly endings: readonly Ending[];
}

const scripted: fc.Arbitrary<Scripted> = fc.record({
  key: fc.constantFrom('a', 'a', 'b', 'c', null),
  // The last ending is a success, so that every case ends.
  endings: fc.array(endings, { maxLength: 4 }).map((list) => [...list, 'returns' as const]),
});

const scenario = fc.record({
  script: fc.array(scripted, { minLength: 1, maxLength: 20 }),
  onDead: fc.constantFrom('block' as const, 'continue' as const),
  batchSize: fc.integer({ min: 1, max: 8 }),
  concurrency: fc.integer({ min: 1, max: 6 }),
  /** How many messages a process claims before it dies, once before each of the first runs. */
  crashes: fc.array(fc.nat(5), { maxLength: 3 }),
});
type Scenario = typeof scenario extends fc.Arbitrary<infer S> ? S : never;

/** Observes the handler: which messages start, which run beside them, and how they end. */
class Witness {
  readonly #scenario: Scenario;
  readonly #starts = new Map<number, number>();
  readonly #running = new Map<string, number>();
  readonly succeeded = new Set<number>();
  readonly gaveUp = new Set<number>();

  constructor(given: Scenario) {
    this.#scenario = given;
  }

  /**
   * Two handlers, one for messages that time out at some start: it has a very short timeout and a concurrency of 1. The
   * other has a very long timeout, so that a busy machine does not make it late.
   */
  readonly handlers = [
    defineHandler({ topic: 'orders', handle: this.#handle.bind(this), retry }),
    defineHandler({ topic: 'slow', handle: this.#handle.bind(this), retry, timeoutMs: 4, concurrency: 1 }),
  ];

  async #handle({ payload, topic }: Message, { signal, attempt }: HandlerContext): Promise<void> {
    const index = Number(payload);
    const { key, endings: script } = this.#scenario.script[index]!;
    const start = this.#starts.get(index) ?? 0;
    this.#starts.set(index, start + 1);
    if (key !== null) this.#mayStart(index, key);
    const ending = script[Math.min(start, script.length - 1)]!;
    if (ending === 'times out') {
      // At its timeout the attempt is over, whatever the handler does after its signal (D2).
      await new Promise<void>((resolve) => {
        const over = () => {
          this.#end(index, key, ending, attempt);
          resolve();
        };
        signal.addEventListener('abort', over, { once: true });
      });
      return;
    }
    if (ending !== 'returns' && topic !== 'slow') {
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#end(index, key, ending, attempt);
    if (ending === 'throws') throw new Error('it failed');
    if (ending === 'later') throw new Snooze(index % 3);
    if (ending === 'permanent') throw new PermanentError('it cannot work');
  }

  /** Q10, at the moment of a start. */
  #mayStart(index: number, key: string): void {
    const other = this.#running.get(key);
    if (other !== undefined) throw violation(`${index} started while ${other} of key '${key}' ran`);
    this.#running.set(key, index);
    for (let earlier = 0; earlier < index; earlier++) {
      if (this.#scenario.script[earlier]!.key !== key || this.succeeded.has(earlier)) continue;
      const passes = this.#scenario.onDead === 'continue' && this.gaveUp.has(earlier);
      if (!passes) throw violation(`${index} started before ${earlier} of key '${key}' was through`);
    }
  }

  #end(index: number, key: string | null, ending: Ending, attempt: number): void {
    if (key !== null) this.#running.delete(key);
    if (ending === 'returns' || ending === 'resolves') {
      if (this.succeeded.has(index)) throw violation(`${index} was done twice`);
      this.succeeded.add(index);
    }
    const usedUp = (ending === 'throws' || ending === 'times out') && attempt >= maxAttempts;
    if (ending === 'permanent' || usedUp) this.gaveUp.add(index);
  }
}

const violations: string[] = [];
/** A handler's error is an outcome like any other, so a violation is kept aside. */
function violation(text: string): Error {
  violations.push(text);
  return new Error(text);
}

/** Runs until nothing is left that could be run. A crash comes before each of the first runs. */
async function drain(queue: WorkQueue, given: Scenario, witness: Witness): Promise<void> {
  const crashes = [...given.crashes];
  for (;;) {
    const limit = crashes.pop() ?? 0;
    if (limit > 0) {
      // The same owner acquires again at once (L2), so that the test need not wait for the lease to expire.
      const begun = await queue.begin({
        owner: 'host-1',
        durationMs: 60_000,
        claim: { limit, maxBytes: 1_000 },
      });
      // A recovered message whose attempts are used up goes to Dead without being run (Q7).
      if (begun.status === 'claimed') {
        for (const { payload, attempt } of begun.messages) {
          if (attempt >= maxAttempts) witness.gaveUp.add(Number(payload));
        }
      }
    }
    const { batchSize, concurrency, onDead } = given;
    const report = await run(queue, witness.handlers, { dispatch: { batchSize, concurrency, onDead } });
    expect(report.error).toBeUndefined();
    expect(report.counts.lost).toBe(0);
    if (!report.more && report.nextDueInMs === null && crashes.length === 0) return;
    aheadMs += report.nextDueInMs ?? 0;
  }
}

test('Q10: whatever handlers do and processes suffer, keys keep their order and nothing is lost', async () => {
  let cases = 0;
  const engine = place.engine({ clock });
  await fc.assert(
    fc.asyncProperty(scenario, async (given) => {
      violations.length = 0;
      const queue = await place.outbox(`case-${++cases}`, engine);
      const sent = given.script.map(({ key, endings: script }, index) =>
        message(String(index), {
          topic: script.includes('times out') ? 'slow' : 'orders',
          ...(key !== null && { orderingKey: key }),
        }),
      );
      await queue.enqueue(sent);
      const witness = new Witness(given);
      await drain(queue, given, witness);
      expect(violations).toEqual([]);
      const deadKeys = new Set<string>();
      for (const [index, { messageId }] of sent.entries()) {
        const record = (await queue.get(messageId))!;
        const { key } = given.script[index]!;
        if (key !== null && deadKeys.has(key)) {
          // A Dead message precedes this one in its group, so this one is blocked and was never run with success.
          expect(record).toMatchObject({ status: MessageStatus.Ready, blocked: true });
          expect(witness.succeeded.has(index)).toBe(false);
        } else if (witness.succeeded.has(index)) {
          expect(record.status).toBe(MessageStatus.Done);
        } else {
          expect(record.status).toBe(MessageStatus.Dead);
          expect(witness.gaveUp.has(index)).toBe(true);
          if (key !== null && given.onDead === 'block') deadKeys.add(key);
        }
      }
    }),
    { numRuns: 80 },
  );
}, 60_000);
