/** A work queue in a SQLite database. Each operation has a file of its own. */
import { DatabaseSync } from 'node:sqlite';
import { callersTransaction } from '../../callers-drivers.ts';
import { type TransactionMark, unknownTransaction } from '../../callers-transaction.ts';
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
import { VisibleCommits } from '../../visible-commit.ts';
import type {
  BeginRequest,
  BeginResult,
  EnqueueStatement,
  QueueName,
  QueueStatistics,
  SettleRequest,
  SettleResult,
  TransactRequest,
  WorkQueue,
} from '../../work-queue.ts';
import type { DatabaseHandle } from '../handle.ts';
import { joinThroughQueries } from '../queried-transaction.ts';
import { runScript, type Script } from '../script.ts';
import { joinTransaction, refusal } from '../transaction.ts';
import type { EmptyLook } from '../unchanged-files.ts';
import { act, replace } from './act.ts';
import { begin, beginByReading } from './begin.ts';
import { Commits, isStoredSql } from './commits.ts';
import { beginWithoutOpening } from './empty-look.ts';
import { insertMessages, insertStatement } from './enqueue.ts';
import { countMessages, findMessages } from './find.ts';
import { QueueMemory } from './queue-memory.ts';
import { messageRecord, type QueueTable, type RecordRow, recordColumns, tableOf } from './records.ts';
import { settle } from './settle.ts';
import { statistics } from './statistics.ts';
import { transact } from './transact.ts';

export class SqliteWorkQueue implements WorkQueue {
  readonly name: QueueName;
  readonly #handle: DatabaseHandle;
  readonly #table: QueueTable;
  readonly #commits: Commits;
  /** Of transactions of other drivers. */
  readonly #foreignCommits: VisibleCommits;
  #memory = new QueueMemory();

  constructor(handle: DatabaseHandle, name: QueueName) {
    this.name = name;
    this.#handle = handle;
    this.#table = tableOf[name];
    this.#commits = new Commits(handle, this.#table);
    const isStored = isStoredSql(this.#table);
    this.#foreignCommits = new VisibleCommits((ids) =>
      handle.look((connection) => ids.filter((id) => connection.get(isStored, id) !== undefined)),
    );
  }

  /** `transaction` is the caller's, between its BEGIN and its COMMIT. */
  async enqueue(
    messages: readonly NewMessage[],
    transaction?: unknown,
    mark?: TransactionMark,
  ): Promise<EnqueueResult[]> {
    const script = (now: number) => insertMessages(this.#table, messages, now);
    if (transaction !== undefined && transaction !== null) return this.#join(transaction, script, mark);
    if (messages.length === 0) return [];
    return this.#handle.write((connection, now) => runScript(script(now), connection));
  }

  #join<T>(
    transaction: unknown,
    script: (now: number) => Script<T>,
    mark: TransactionMark | undefined,
  ): T | Promise<T> {
    if (transaction instanceof DatabaseSync) {
      // Store the messages synchronously, because the caller may commit as soon as this call has returned its promise.
      return joinTransaction(this.#handle, transaction, mark, (connection, now) =>
        runScript(script(now), connection),
      );
    }
    const joined = callersTransaction(transaction, 'sqlite');
    if (joined !== undefined && !('problem' in joined))
      return joinThroughQueries(this.#handle, { transaction: transaction as object, mark }, joined, script);
    const { subject } = this.#handle;
    throw joined === undefined
      ? refusal('INVALID_ARGUMENT', subject, unknownTransaction)
      : refusal('TRANSACTION_NOT_OPEN', subject, joined.problem);
  }

  enqueueStatement(message: NewMessage, placeholder: (nth: number) => string = () => '?'): EnqueueStatement {
    return insertStatement(this.#table, message, placeholder, this.#handle.file.clock?.());
  }

  committed(transaction: unknown, messageId: string): Promise<boolean> {
    return transaction instanceof DatabaseSync
      ? this.#commits.of(transaction, messageId)
      : this.#foreignCommits.of(transaction as object, messageId);
  }

  async begin(request: BeginRequest): Promise<BeginResult> {
    this.#handle.assertOpen();
    const { file } = this.#handle;
    const known = beginWithoutOpening(file, this.#table, request);
    if (known !== null) return known;
    const onEmpty = (look: EmptyLook) => file.unchanged?.remember(file.path, this.#table, look);
    return this.#remembering((memory) =>
      this.#handle.lookOrWrite(
        (connection) =>
          connection.transaction('read', () =>
            beginByReading(connection, this.name, request, memory().walks, onEmpty),
          ),
        (connection, now) => begin(connection, this.name, request, memory(), now),
      ),
    );
  }

  async settle(request: SettleRequest): Promise<SettleResult> {
    const result = await this.#remembering((memory) =>
      this.#handle.write((connection, now) => settle(connection, this.#table, request, memory(), now)),
    );
    // The run has ended, and with it its handlers' transactions.
    if (result.lease !== 'renewed') this.#handle.file.closeSpare();
    return result;
  }

  /** A try begins where the last committed call has stopped, because a transaction that fails takes its changes back. */
  async #remembering<T>(work: (memory: () => QueueMemory) => Promise<T>): Promise<T> {
    let changed = this.#memory;
    const result = await work(() => {
      changed = this.#memory.copy();
      return changed;
    });
    this.#memory = this.#memory.with(changed);
    return result;
  }

  transact<T>(request: TransactRequest, work: (transaction: unknown) => Promise<T>): Promise<T> {
    return transact(this.#handle, this.name, request, work);
  }

  statistics(): Promise<QueueStatistics> {
    return this.#handle.read((connection) => statistics(connection, this.#table));
  }

  get(messageId: string): Promise<MessageRecord | null> {
    return this.#handle.look((connection) => {
      const sql = `SELECT ${recordColumns} FROM ${this.#table} INDEXED BY ${this.#table}_MessageId WHERE MessageId = ?`;
      const row = connection.getTuple<RecordRow>(sql, messageId);
      return row === undefined ? null : messageRecord(connection, this.#table, row);
    });
  }

  find(filter: MessageFilter, part: FindPart): Promise<Found> {
    return this.#handle.read((connection) => findMessages(connection, this.#table, filter, part));
  }

  count(filter: MessageFilter, part: SearchPart): Promise<Counted> {
    return this.#handle.read((connection) => countMessages(connection, this.#table, filter, part));
  }

  act(request: MessageAct, targets: readonly MessageTarget[]): Promise<string[]> {
    return this.#handle.write((connection, now) => act(connection, this.#table, request, targets, now));
  }

  replace(replacement: Replacement): Promise<boolean> {
    return this.#handle.write((connection, now) => replace(connection, this.#table, replacement, now));
  }
}
