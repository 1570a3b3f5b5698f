/** The handlers of the simulated hosts: what each call does is drawn, and written down before and after. */

import { setTimeout as pause } from 'node:timers/promises';
import { isMultiOutboxError } from '../../../src/errors.ts';
import type { Outbox } from '../../../src/outbox/outbox.ts';
import {
  defineHandler,
  defineInboxHandler,
  type Handler,
  type HandlerContext,
  type Message,
  PermanentError,
  RetryAfter,
  Snooze,
} from '../../../src/queue/handler.ts';
import type { SimulatedProcess } from '../machine/process.ts';
import type { Attempt } from '../models/attempts.ts';
import { isDeadly, isFailing } from '../models/messages.ts';
import { ownMaxAttempts, type World } from '../world.ts';

/** Topics of the outbox. Handlers of `ledger.post` use a transaction of their own. */
export const topics = ['order.placed', 'mail.send', 'report.build', 'ledger.post', 'audit.note'] as const;
export type Topic = (typeof topics)[number];
export const inboxTopic = 'payment.received';

export interface HandlersOptions {
  readonly world: World;
  readonly process: SimulatedProcess;
  /** The topics that this deployment handles; the others are parked. */
  readonly handled: readonly Topic[];
  /** The process's own outbox of a tenant, for messages that handlers store outside their transaction. */
  readonly outbox: (tenantId: string) => Outbox;
}

export function simulatedHandlers(options: HandlersOptions): Handler[] {
  const { world, handled } = options;
  const { handlerTimeoutMs } = world.settings.dispatch;
  const handle = (message: Message, context: HandlerContext) =>
    new HandlerCall(options, message, context).run();
  const handlers = handled.map((topic) =>
    defineHandler({
      topic,
      handle,
      ...(topic === 'report.build' && {
        concurrency: 2,
        timeoutMs: handlerTimeoutMs / 2,
        retry: { maxAttempts: ownMaxAttempts[topic]! },
      }),
    }),
  );
  return [...handlers, defineInboxHandler({ topic: inboxTopic, handle })];
}

const never = new Promise<never>(() => {});
/** Milliseconds between the statements that a handler still tries after its commit. */
const lateMs = [1, 20, 200];

class HandlerCall {
  readonly #world: World;
  readonly #process: SimulatedProcess;
  readonly #outbox: HandlersOptions['outbox'];
  readonly #message: Message;
  readonly #context: HandlerContext;
  /** The transaction decides how the attempt ends, after the handler has returned. */
  #isUnawaited = false;

  constructor({ world, process, outbox }: HandlersOptions, message: Message, context: HandlerContext) {
    this.#world = world;
    this.#process = process;
    this.#outbox = outbox;
    this.#message = message;
    this.#context = context;
  }

  run(): unknown {
    // A process dies between two handlers, while the code of this simulator goes on.
    if (this.#process.isDead) return never;
    const { messageId } = this.#message;
    const { tenant, queue, fence, attempt: number } = this.#context;
    const model = this.#world.tenant(tenant.id).queues[queue];
    const attempt = this.#world.checked(() =>
      model.handlerStarted(this.#process, { messageId, fence, number }),
    ) as Attempt | string;
    this.#note(`starts, attempt ${number}`);
    if (typeof attempt === 'string') return never;
    const kills = isDeadly(this.#message.payload) && !this.#world.faults.isOver;
    if (kills || this.#strikes('dies in a handler')) {
      this.#note('the process dies');
      this.#world.kill(this.#process, kills ? model : undefined);
      return never;
    }
    const { acquisitionId } = attempt;
    attempt.isAborted = () => this.#context.signal.aborted;
    if (model.lease.acquisitionId === acquisitionId) {
      const { signal } = this.#context;
      model.lease.believes(
        fence,
        () => attempt.state === 'running' && this.#process.isUpToDate && !signal.aborted,
      );
    }
    if (this.#strikes('freezes in a handler')) {
      if (this.#world.faults.random.chance(0.5)) this.#world.freeze(this.#process);
      else this.#world.freezeUntil(this.#process, () => model.isTakenFrom({ acquisitionId }, messageId));
    }
    const { topic } = this.#message;
    const isSynchronous = topic === 'mail.send' && this.#world.random.chance(0.3);
    if (isSynchronous) {
      if (this.#alwaysFails || this.#strikes('handler throws')) {
        attempt.state = 'failed';
        throw new Error('refused at once');
      }
      attempt.state = 'returned';
      return 'sent';
    }
    return this.#watched(attempt);
  }

  /** Writes down how the call ends. */
  async #watched(attempt: Attempt): Promise<void> {
    try {
      await (this.#message.topic === 'ledger.post' ? this.#post() : this.#work());
      attempt.state = this.#context.signal.aborted || this.#isUnawaited ? 'late' : 'returned';
      this.#note(attempt.state);
    } catch (error) {
      attempt.state = this.#context.signal.aborted ? 'late' : stateOf(error);
      if (error instanceof Snooze || error instanceof RetryAfter) attempt.delayMs = error.delayMs;
      this.#note(`${attempt.state}: ${labelOf(error)}`);
      throw error;
    }
  }

  async #work(): Promise<void> {
    const { random } = this.#world.faults;
    const { handlerTimeoutMs } = this.#world.settings.dispatch;
    await pause(this.#world.random.pick([0, 1, 5, 20, 80, 250]) * this.#world.handlerPace);
    if (this.#alwaysFails) throw new Error('the receiver answered 400');
    if (this.#strikes('handler is slow')) await pause(random.pick([200, 700, 1_400]));
    if (this.#strikes('handler outlasts its timeout')) await pause(handlerTimeoutMs * 3);
    if (this.#strikes('handler hangs')) await this.#untilAborted();
    if (this.#strikes('handler ignores its signal')) await never;
    if (this.#strikes('handler enqueues')) {
      await this.#outbox(this.#context.tenant.id).enqueue({ topic: 'mail.send', payload: {} });
    }
    if (this.#strikes('handler throws')) throw new Error('the receiver answered 500');
    if (this.#strikes('handler refuses for good')) throw new PermanentError('the receiver answered 410');
    if (this.#strikes('handler snoozes')) throw new Snooze(random.pick([0, 300, 3_000]));
    if (this.#strikes('handler asks to retry after'))
      throw new RetryAfter(6_000, 'the receiver answered 429');
  }

  /** A handler with a transaction of its own: one effect a message (T1). */
  async #post(): Promise<void> {
    const { messageId } = this.#message;
    const { attempt } = this.#context;
    let driver: unknown;
    const transaction = this.#context.transaction(async (tx) => {
      driver = tx.driver;
      await this.#world.takeEffect(tx.driver, messageId, attempt);
      if (this.#alwaysFails) throw new Error('a constraint fails each time');
      if (this.#strikes('transaction is slow')) {
        await pause(this.#world.faults.random.pick([100, 900, 4_000]));
        await this.#checkRollback(tx.driver);
      }
      if (this.#strikes('transaction hangs')) await never;
      if (this.#strikes('transaction enqueues')) await tx.enqueue({ topic: 'mail.send', payload: {} });
      if (this.#strikes('transaction throws')) throw new Error('a constraint failed');
    });
    if (this.#strikes('transaction is not awaited')) {
      this.#isUnawaited = true;
      return;
    }
    await transaction;
    void this.#checkEnd(driver);
    if (this.#strikes('fails after its commit')) throw new Error('failed after the commit');
  }

  /** Once the signal has fired, the transaction is rolled back, and statements in it fail (T3). */
  async #checkRollback(driver: unknown): Promise<void> {
    if (!this.#context.signal.aborted || this.#process.isDead || !(await this.#world.isUsable(driver)))
      return;
    this.#world.broken('T3 rollback', `message ${this.#message.messageId} still has its transaction`);
  }

  /** After the commit, statements fail: none gets into the transaction of another handler (T1). */
  async #checkEnd(driver: unknown): Promise<void> {
    for (const ms of lateMs) {
      await pause(ms);
      if (this.#process.isDead || !(await this.#world.isUsable(driver))) continue;
      this.#world.broken(
        'T1 end',
        `message ${this.#message.messageId} still has a transaction after its commit`,
      );
    }
  }

  /** As long as things go wrong, each attempt at the message fails. */
  get #alwaysFails(): boolean {
    return isFailing(this.#message.payload) && !this.#world.faults.isOver;
  }

  async #untilAborted(): Promise<never> {
    const { signal } = this.#context;
    await new Promise((resolve) => {
      if (signal.aborted) resolve(undefined);
      else signal.addEventListener('abort', resolve);
    });
    throw signal.reason;
  }

  #strikes(fault: Parameters<World['strikes']>[0]): boolean {
    if (this.#process.isDead) return false;
    return this.#world.strikes(fault);
  }

  #note(what: string): void {
    if (this.#process.isDead) return;
    const { tenant, queue, fence } = this.#context;
    const label = `${tenant.id} ${queue} handler of ${this.#message.topic} ${this.#message.messageId.slice(-6)}`;
    this.#world.journal.note(this.#process.name, `${label}, fence ${fence}, ${what}`);
  }
}

function stateOf(error: unknown): Attempt['state'] {
  if (error instanceof PermanentError) return 'refused';
  return error instanceof Snooze ? 'snoozed' : 'failed';
}

function labelOf(error: unknown): string {
  return isMultiOutboxError(error) ? error.code : (error as Error).message;
}
