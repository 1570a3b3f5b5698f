import type { ClaimedMessage, Outcome, SettledMessage } from '../engine/message.ts';
import type {
  BeginRequest,
  BeginResult,
  SettleRequest,
  SettleResult,
  TransactRequest,
  WorkQueue,
} from '../engine/work-queue.ts';

/** Claims all due messages, so that the wanted one is among them. */
const all = { limit: 100_000, maxBytes: Number.MAX_SAFE_INTEGER };

/** A real work queue in which a run finds one message, once. The other due messages are released. */
export class OneMessage implements Pick<WorkQueue, 'name' | 'begin' | 'settle' | 'transact'> {
  readonly #queue: WorkQueue;
  readonly #messageId: string;
  readonly #attempt: number | undefined;
  #sequence: number | undefined;
  #others: SettledMessage[] = [];
  /** The message's outcome; undefined when it could not be claimed. */
  outcome: Outcome | undefined;

  /** @param attempt overrides the attempt's number */
  constructor(queue: WorkQueue, messageId: string, attempt: number | undefined) {
    this.#queue = queue;
    this.#messageId = messageId;
    this.#attempt = attempt;
  }

  get name() {
    return this.#queue.name;
  }

  async begin(request: BeginRequest): Promise<BeginResult> {
    const begun = await this.#queue.begin({ ...request, claim: all });
    if (begun.status !== 'claimed') return begun;
    const own = this.#startable(begun.messages);
    this.#sequence = own?.sequence;
    this.#others = begun.messages
      .filter((message) => message !== own)
      .map(({ sequence, messageId }) => ({ sequence, messageId, kind: 'release', delayMs: 0 }));
    const messages = own ? [{ ...own, attempt: this.#attempt ?? own.attempt }] : [];
    return { ...begun, messages, more: false };
  }

  /**
   * A claim returns the messages of one ordering key together, in order; a message behind an earlier one cannot
   * start.
   */
  #startable(messages: readonly ClaimedMessage[]): ClaimedMessage | undefined {
    const own = messages.find(({ messageId }) => messageId === this.#messageId);
    if (own === undefined || own.orderingKey === null) return own;
    return messages.find(({ orderingKey }) => orderingKey === own.orderingKey) === own ? own : undefined;
  }

  /** Ends the run after the message: releases the lease instead of making the next claim. */
  settle(request: SettleRequest): Promise<SettleResult> {
    this.outcome ??= request.outcomes.find(({ sequence }) => sequence === this.#sequence);
    const isOver = this.#sequence === undefined || this.outcome !== undefined;
    return this.#queue.settle({
      ...request,
      outcomes: isOver ? [...request.outcomes, ...this.#others.splice(0)] : request.outcomes,
      // biome-ignore lint/suspicious/noThenProperty: the engine's word
      then: { do: isOver ? 'release-lease' : 'renew-lease' },
    });
  }

  async transact<T>(request: TransactRequest, work: (transaction: unknown) => Promise<T>): Promise<T> {
    const result = await this.#queue.transact(request, work);
    this.outcome = { kind: 'done' };
    return result;
  }
}
