/** A tenant's two work queues, and the transactions of its database that store messages. */
import type { QueueName } from '../../../src/engine/work-queue.ts';
import type { Databases } from '../machine/databases.ts';
import { Violation } from '../violation.ts';
import { LeaseModel, type LeaseModelOptions } from './lease-model.ts';
import type { InsertedMessage } from './messages.ts';
import type { QueueModel } from './queue-model.ts';
import type { Tallies } from './tally.ts';

export type Queues = Readonly<Record<QueueName, QueueModel>>;

const tableOf: Readonly<Record<QueueName, string>> = { outbox: 'Outbox', inbox: 'Inbox' };

export class TenantModel {
  readonly id: string;
  /** Where its database is now. */
  file: string;
  readonly tallies: Tallies;
  readonly queues: Queues;
  readonly #databases: Databases;
  readonly #leases = new Map<string, LeaseModel>();
  readonly #leaseOptions: LeaseModelOptions;
  /** How often the database was restored or moved: transactions that began before commit to a file that is gone. */
  generation = 0;
  /** Whether its database was moved: the registry forgets what runs have counted in the old one. */
  hasMoved = false;
  /** When a report came last that had been sent long before, so that the registry has its counts as newer than they are. */
  lateReportAt = -1;
  /** Whether somebody has changed its record in the registry: a process that learns of it opens the database anew. */
  isRedefined = false;
  /** Faults that struck this tenant. */
  troubles = 0;
  /** When the last of them ends, in milliseconds of the history. */
  troubledUntil = -1;

  constructor(
    { id, file, tallies }: Pick<TenantModel, 'id' | 'file' | 'tallies'>,
    queues: Queues,
    databases: Databases,
    leaseOptions: LeaseModelOptions,
  ) {
    this.id = id;
    this.file = file;
    this.tallies = tallies;
    this.queues = queues;
    this.#databases = databases;
    this.#leaseOptions = leaseOptions;
  }

  /** The lease of this name, which belongs to a queue or to users. */
  lease(name: string): LeaseModel {
    const queue = Object.values(this.queues).find(({ options }) => name === `queue:${options.name}`);
    if (queue !== undefined) return queue.lease;
    let lease = this.#leases.get(name);
    if (lease === undefined) {
      lease = new LeaseModel(`${this.id} ${name}`, this.#leaseOptions);
      this.#leases.set(name, lease);
    }
    return lease;
  }

  /** A transaction has stored these messages. */
  committed(queue: QueueModel, messages: readonly InsertedMessage[], wake: boolean): void {
    const sql = `SELECT Sequence FROM ${tableOf[queue.options.name]} WHERE MessageId = ?`;
    for (const inserted of messages) {
      const { messageId } = inserted.message;
      const [row] = this.#databases.rows<{ Sequence: number }>(this.file, sql, messageId);
      if (row === undefined) throw new Violation('never lost', `${messageId} was committed and is not there`);
      queue.stored(inserted, row.Sequence, wake);
    }
  }

  /** Whether a message is neither Done nor Dead. */
  get hasWork(): boolean {
    return Object.values(this.queues).some((queue) =>
      [...queue.messages.values()].some(({ state }) => state === 'ready' || state === 'claimed'),
    );
  }

  /** Whether a message can still come to its end: it is not blocked by a Dead one. */
  get isBusy(): boolean {
    return Object.values(this.queues).some((queue) =>
      [...queue.messages.values()].some(
        (message) => (message.state === 'ready' || message.state === 'claimed') && !queue.isBlocked(message),
      ),
    );
  }

  /** The database moves to another place, as it is. Every process has the old path until it learns of the change. */
  moveTo(file: string): void {
    this.generation++;
    this.troubles++;
    this.hasMoved = true;
    this.#databases.move(this.file, file);
    this.file = file;
  }

  /** Backs the database up. Returns the restore. */
  backUp(): () => void {
    const copy = this.#databases.backUp(this.file);
    const { outbox, inbox } = this.queues;
    const [outboxThen, inboxThen] = [outbox.snapshot(), inbox.snapshot()];
    const leasesThen = [...this.#leases].map(([name, lease]) => [name, lease.copy()] as const);
    return () => {
      this.generation++;
      this.troubles++;
      this.#databases.restore(this.file, copy);
      outbox.restore(outboxThen);
      inbox.restore(inboxThen);
      this.#leases.clear();
      for (const [name, lease] of leasesThen) this.#leases.set(name, lease.copy());
    };
  }
}

interface Joined {
  readonly tenant: TenantModel;
  readonly generation: number;
  readonly queue: QueueModel;
  readonly messages: readonly InsertedMessage[];
}

/** Messages that were stored in transactions that have not ended. */
export class OpenTransactions {
  readonly #joined = new WeakMap<object, Joined[]>();

  joined(driver: object, tenant: TenantModel, queue: QueueModel, messages: readonly InsertedMessage[]): void {
    const before = this.#joined.get(driver) ?? [];
    this.#joined.set(driver, [...before, { tenant, generation: tenant.generation, queue, messages }]);
  }

  /** @param wake whether their commit wakes the tenant */
  committed(driver: object, wake = false): void {
    for (const { tenant, generation, queue, messages } of this.#joined.get(driver) ?? []) {
      if (tenant.generation === generation) tenant.committed(queue, messages, wake);
    }
    this.#joined.delete(driver);
  }

  rolledBack(driver: object): void {
    this.#joined.delete(driver);
  }
}
