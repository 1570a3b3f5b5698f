import type {
  BeginRequest,
  BeginResult,
  ClaimedMessage,
  Outcome,
  SettledMessage,
  SettleRequest,
  SettleResult,
  TransactRequest,
  WorkQueue,
} from '../engine/work-queue.ts';

/** Others that are due are claimed as well, so that the one is among them. */
const all = { limit: 100_000, maxBytes: Number.MAX_SAFE_INTEGER };

/** A real work queue in which a run finds one message, once. Others that are due are given back. */
export class OneMessage implements Pick<WorkQueue, 'name' | 'begin' | 'settle' | 'transact'> {
  readonly #queue: WorkQueue;
  readonly #messageId: string;
  readonly #attempt: number | undefined;
  #sequence: number | undefined;
  #others: SettledMessage[] = [];
  /** What became of the message; undefined when it could not be claimed. */
  outcome: Outcome | undefined;

  /** @param attempt the message's start, in place of how often it was started */
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
      .map(({ sequence }) => ({ sequence, kind: 'release', delayMs: 0 }));
    const messages = own ? [{ ...own, attempt: this.#attempt ?? own.attempt }] : [];
    return { ...begun, messages, more: false };
  }

  /** A claim hands out messages of one ordering key together, in their order: an earlier one has to come first. */
  #startable(messages: readonly ClaimedMessage[]): ClaimedMessage | undefined {
    const own = messages.find(({ messageId }) => messageId === this.#messageId);
    if (own === undefined || own.orderingKey === null) return own;
    return messages.find(({ orderingKey }) => orderingKey === own.orderingKey) === own ? own : undefined;
  }

  /** The run ends with the message: it is released in place of the next claim. */
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
