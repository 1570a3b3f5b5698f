/** The transaction of one attempt: it commits a handler's own writes together with the message's outcome (T1). */
import type { EnqueueResult, NewMessage } from '../engine/message.ts';
import type { TransactRequest } from '../engine/work-queue.ts';
import { withoutOptions } from '../options.ts';
import { publishPoint } from '../telemetry/points.ts';
import type { HandlerTransaction } from './handler.ts';
import { type MessageInput, newMessages } from './message.ts';

/** The tenant's database, as far as an attempt's transaction needs it. */
export interface TransactionAccess {
  /** As `WorkQueue.transact`. */
  transact<T>(
    request: Omit<TransactRequest, 'lease'>,
    work: (transaction: unknown) => Promise<T>,
  ): Promise<T>;
  /** Stores messages in the tenant's outbox. */
  enqueue(messages: readonly NewMessage[], transaction: unknown): Promise<EnqueueResult[]>;
}

export type TransactionWork<Result> = (tx: HandlerTransaction<never>) => Result | PromiseLike<Result>;

type TransactionState = 'open' | 'committing' | 'committed' | 'rolled-back';

export class AttemptTransaction {
  readonly #access: TransactionAccess;
  readonly #tenantId: string;
  #state: TransactionState = 'open';

  constructor(access: TransactionAccess, tenantId: string) {
    this.#access = access;
    this.#tenantId = tenantId;
  }

  get state(): TransactionState {
    return this.#state;
  }

  /**
   * Runs `work` and settles the message in the same transaction. Call it once. @throws as
   * `HandlerContext.transaction`
   */
  async run<Result>(request: Omit<TransactRequest, 'lease'>, work: TransactionWork<Result>): Promise<Result> {
    try {
      const result = await this.#access.transact(request, async (driver) => {
        const value = await work(this.#view(driver as never));
        this.#state = 'committing';
        publishPoint('commit:before', this.#tenantId);
        return value;
      });
      this.#state = 'committed';
      publishPoint('commit:after', this.#tenantId);
      return result;
    } catch (error) {
      this.#state = 'rolled-back';
      throw error;
    }
  }

  /** The transaction object that the handler gets. */
  #view(driver: never): HandlerTransaction<never> {
    const { enqueue } = this.#access;
    async function store(input: MessageInput | readonly MessageInput[], ...rest: never[]) {
      withoutOptions("enqueue of a handler's transaction", rest);
      const results = await enqueue(newMessages(input), driver);
      return Array.isArray(input) ? results : results[0]!;
    }
    return { driver, enqueue: store as HandlerTransaction['enqueue'] };
  }
}
