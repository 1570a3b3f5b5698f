/** The tenants of one test, the messages in their outboxes, and queries of their state through the library. */
import { randomUUID } from 'node:crypto';
import {
  createMultiOutbox,
  type LeaseRecord,
  type MessageRecord,
  type MultiOutbox,
  type OutboxMessage,
  type QueueStatistics,
} from '../../src/index.ts';
import type { KillStage } from './harness.ts';

/** A message that must take effect. */
export interface Sent {
  readonly tenantId: string;
  readonly messageId: string;
  readonly orderingKey: string | null;
  /** The delay with which it was enqueued, in milliseconds. */
  readonly delayMs: number;
  /** A moment before it was enqueued, by `performance.now()`. */
  readonly sentAt: number;
}

export interface QueueState {
  readonly lease: LeaseRecord | undefined;
  readonly statistics: QueueStatistics;
}

export class Fleet {
  readonly stage: KillStage;
  readonly multiOutbox: MultiOutbox;
  readonly tenantIds: readonly string[];
  readonly sent = new Map<string, Sent>();

  constructor(stage: KillStage, tenantIds: readonly string[]) {
    this.stage = stage;
    this.multiOutbox = createMultiOutbox({ registry: stage.registry });
    this.tenantIds = tenantIds;
  }

  /** Registers the tenants and makes their databases. */
  async create(): Promise<void> {
    await this.multiOutbox.migrate({ tenants: [] });
    for (const id of this.tenantIds) await this.multiOutbox.tenants.add(await this.stage.tenant(id));
    const migrations = await this.multiOutbox.migrate();
    expect(migrations.filter(({ error }) => error)).toEqual([]);
  }

  /** Enqueues in one call; the messages are expected to take effect. */
  async send(tenantId: string, messages: readonly (OutboxMessage & { delay?: number })[]): Promise<string[]> {
    const withIds = messages.map((message) => ({ messageId: randomUUID() as string, ...message }));
    const sentAt = performance.now();
    await this.multiOutbox.outbox(tenantId).enqueue(withIds);
    for (const { messageId, orderingKey = null, delay = 0 } of withIds) {
      this.sent.set(messageId, { tenantId, messageId, orderingKey, delayMs: delay, sentAt });
    }
    return withIds.map(({ messageId }) => messageId);
  }

  /** The record of a message; fails when the message does not exist. */
  async record(tenantId: string, messageId: string): Promise<MessageRecord> {
    const record = await this.multiOutbox.outbox(tenantId).get(messageId);
    if (record === null) throw new Error(`Message ${messageId} of ${tenantId} is not stored.`);
    return record;
  }

  async queue(tenantId: string): Promise<QueueState> {
    const leases = await this.multiOutbox.leases(tenantId).list();
    return {
      lease: leases.find(({ name }) => name === 'queue:outbox'),
      statistics: await this.multiOutbox.outbox(tenantId).statistics(),
    };
  }

  async statistics(): Promise<QueueStatistics[]> {
    return Promise.all(this.tenantIds.map((id) => this.multiOutbox.outbox(id).statistics()));
  }

  /** Whether no message is Ready or Claimed any more. */
  async settled(): Promise<boolean> {
    return (await this.statistics()).every(({ ready, claimed }) => ready === 0 && claimed === 0);
  }

  /** How many messages are Dead. */
  async deaths(): Promise<number> {
    return (await this.statistics()).reduce((sum, { dead }) => sum + dead, 0);
  }

  async close(): Promise<void> {
    await this.multiOutbox.close();
  }
}
