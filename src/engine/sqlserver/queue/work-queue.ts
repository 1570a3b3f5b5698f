/** A work queue in a SQL Server database: one file for each concern; a run's calls are in run.ts. */
import type * as mssql from 'mssql';
import type { TransactionMark } from '../../callers-transaction.ts';
import type { EnqueueResult, MessageRecord, NewMessage } from '../../message.ts';
import type {
  Counted,
  FindPart,
  Found,
  MessageAct,
  MessageFilter,
  MessageTarget,
  Replacement,
  SearchPart,
} from '../../message-search.ts';
import type { Semaphore } from '../../semaphore.ts';
import { VisibleCommits } from '../../visible-commit.ts';
import type {
  EnqueueStatement,
  QueueName,
  QueueStatistics,
  TransactRequest,
  WorkQueue,
} from '../../work-queue.ts';
import { type Database, longText, uuid } from '../database.ts';
import { isTransaction } from '../transaction.ts';
import { act, replace } from './act.ts';
import { enqueue, enqueueJoined, enqueueStatement } from './enqueue.ts';
import { countMessages, findMessages } from './find.ts';
import { mayBeId, messageRecord } from './records.ts';
import { RunCalls } from './run.ts';
import { transact } from './transact.ts';

export class SqlServerWorkQueue extends RunCalls implements WorkQueue {
  readonly #transactions: Semaphore;
  /** Of transactions of other drivers. */
  readonly #commits = new VisibleCommits((ids) => this.#stored(ids));
  readonly #ended = new WeakMap<mssql.Transaction, Promise<boolean>>();

  /** @param transactions limits handlers' transactions, so that the pool keeps a connection for the run's calls */
  constructor(database: Database, name: QueueName, transactions: Semaphore) {
    super(database, name);
    this.#transactions = transactions;
  }

  /** `transaction` is the caller's, between its begin and its commit. */
  async enqueue(
    messages: readonly NewMessage[],
    transaction?: unknown,
    mark?: TransactionMark,
  ): Promise<EnqueueResult[]> {
    if (transaction !== undefined && transaction !== null) {
      return enqueueJoined(this.database, this.table, messages, { transaction, mark });
    }
    this.database.assertOpen();
    if (messages.length === 0) return [];
    return enqueue(this.database, this.table, messages);
  }

  enqueueStatement(
    message: NewMessage,
    placeholder: (nth: number) => string = (nth) => `@p${nth}`,
  ): EnqueueStatement {
    return enqueueStatement(this.database, this.table, message, placeholder);
  }

  /** Reports the end of the transaction from mssql's events. */
  committed(transaction: unknown, messageId: string): Promise<boolean> {
    if (!isTransaction(transaction)) return this.#commits.of(transaction as object, messageId);
    const open = transaction as mssql.Transaction;
    let ended = this.#ended.get(open);
    if (ended === undefined) {
      ended = new Promise((resolve) => {
        const end = (isCommitted: boolean) => {
          // Forget the transaction, because the caller may begin it again.
          this.#ended.delete(open);
          resolve(isCommitted);
        };
        open.once('commit', () => end(true)).once('rollback', () => end(false));
      });
      this.#ended.set(open, ended);
    }
    return ended;
  }

  /** Those of the messages that are committed. Programs that only enqueue may call this procedure, too. */
  async #stored(messageIds: readonly string[]): Promise<string[]> {
    const parameters = { MessageIds: [longText, JSON.stringify(messageIds)] } as const;
    const [rows] = await this.database.call(`${this.table}_Stored`, parameters, { onLost: 'repeat' });
    const stored = new Set(rows!.map(({ MessageId }) => (MessageId as string).toLowerCase()));
    return messageIds.filter((id) => stored.has(id.toLowerCase()));
  }

  transact<T>(request: TransactRequest, work: (transaction: unknown) => Promise<T>): Promise<T> {
    return this.#transactions.use(async () => {
      const result = await transact(this.database, this.table, request, work);
      this.forget(request);
      return result;
    }, request.signal);
  }

  async statistics(): Promise<QueueStatistics> {
    const [rows] = await this.database.call(`${this.table}_Statistics`, {}, { onLost: 'repeat' });
    const row = rows![0] as Record<string, number | string | null>;
    const count = (name: string) => Number(row[name]);
    const ageMs = row.NextDueAgeMs === null ? null : count('NextDueAgeMs');
    return {
      ready: count('Ready'),
      due: count('Due'),
      blocked: count('Blocked'),
      parked: count('Parked'),
      claimed: count('Claimed'),
      done: count('Done'),
      dead: count('Dead'),
      oldestDueAgeMs: ageMs !== null && ageMs >= 0 ? ageMs : null,
      nextDueInMs: ageMs === null ? null : Math.max(0, -ageMs),
    };
  }

  async get(messageId: string): Promise<MessageRecord | null> {
    if (!mayBeId(messageId)) return null;
    const parameters = { MessageId: [uuid, messageId] } as const;
    const [rows] = await this.database.call(`${this.table}_Get`, parameters, { onLost: 'repeat' });
    const row = rows![0];
    return row === undefined ? null : messageRecord(row);
  }

  find(filter: MessageFilter, part: FindPart): Promise<Found> {
    return findMessages(this.database, this.table, filter, part);
  }

  count(filter: MessageFilter, part: SearchPart): Promise<Counted> {
    return countMessages(this.database, this.table, filter, part);
  }

  act(request: MessageAct, targets: readonly MessageTarget[]): Promise<string[]> {
    return act(this.database, this.table, request, targets);
  }

  replace(replacement: Replacement): Promise<boolean> {
    return replace(this.database, this.table, replacement);
  }
}
