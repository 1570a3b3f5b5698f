/**
 * Calls every procedure of the schema, as programs call them: through the engine, or by name where applications do so.
 */

import { randomUUID } from 'node:crypto';
import type * as mssql from 'mssql';
import type { TenantDatabase } from '../../src/engine/engine.ts';
import { emptyHistogram } from '../../src/engine/histogram.ts';
import type { LeaseStore } from '../../src/engine/lease-store.ts';
import { type ClaimedMessage, MessageStatus } from '../../src/engine/message.ts';
import { candidateOrders, type Registry } from '../../src/engine/registry.ts';
import type { QueueName } from '../../src/engine/work-queue.ts';
import { add, commit, definition, duePlan, keyOf, report } from '../conformance/registry-entry.ts';
import {
  anHour,
  dead,
  done,
  giveBack,
  keep,
  message,
  next,
  release,
  retry,
  settle,
  take,
} from '../conformance/run.ts';
import { countDead, discardDead, listDead, replayDead } from '../support/dead-letters.ts';

const never = new AbortController().signal;
const retention = { doneMs: 0, limit: 10 };
const tables: Readonly<Record<QueueName, string>> = { outbox: 'Outbox', inbox: 'Inbox' };
export const queueNames = ['outbox', 'inbox'] as const;

/** Every kind of message that a producer stores, with fields that no other call uses. */
export function everyKind(orderingKey: string) {
  return [
    [message('plain')],
    [message('keyed', { orderingKey })],
    [message('delayed', { dueInMs: anHour })],
    [message('deduplicated', { dedupKey: randomUUID() })],
    [message('one of many', { orderingKey }), message('another', { dedupKey: randomUUID() })],
  ];
}

/** Producers' procedures. The queue must have no other message with these ids and keys. */
export async function produce(tenant: TenantDatabase, pool: mssql.ConnectionPool): Promise<void> {
  for (const name of queueNames) {
    const queue = tenant.queue(name);
    for (const messages of everyKind('a key')) await queue.enqueue(messages);
    const dedupKey = randomUUID();
    const source = name === 'inbox' ? 'a source' : '';
    const original = message('first', { dedupKey, source, hash: '1' });
    const copy = message('again', { dedupKey, source, hash: '1' });
    const conflict = message('other', { dedupKey, source, hash: '2' });
    expect(await queue.enqueue([original])).toMatchObject([{ status: 'enqueued' }]);
    expect(await queue.enqueue([copy])).toMatchObject([{ status: 'duplicate' }]);
    expect(await queue.enqueue([conflict])).toMatchObject([{ status: 'conflict' }]);
    const statuses = (await queue.enqueue([message('new'), copy, conflict])).map(({ status }) => status);
    expect(statuses).toEqual(['enqueued', 'duplicate', 'conflict']);
    // A transaction of another driver, which has been committed.
    expect(await queue.committed({}, original.messageId)).toBe(true);
    await pool
      .request()
      .batch(
        `EXEC messaging.${tables[name]}_Enqueue @Topic = N'orders', @Payload = N'{}', @DedupKey = N'${randomUUID()}'`,
      );
  }
}

/**
 * A run's procedures, with each outcome, a crash, retention and a handler's transaction; then replay and discard. It works
 * on whatever is due, and leaves messages behind. Returns the topics of all messages that it claimed.
 */
export async function run(tenant: TenantDatabase): Promise<Set<string>> {
  const topics = new Set<string>();
  for (const name of queueNames) {
    const queue = tenant.queue(name);
    const seen = <T extends readonly ClaimedMessage[]>(messages: T) => {
      for (const { topic } of messages) topics.add(topic);
      return messages;
    };
    await queue.enqueue([
      ...Array.from({ length: 12 }, () => message('keyless')),
      ...['1', '2', '3'].map((payload) => message(payload, { orderingKey: randomUUID() })),
      ...['1', '2', '3'].map((payload) => message(payload, { orderingKey: name })),
    ]);
    // The first run crashes, and the next one recovers its messages, each by itself.
    seen((await take(queue, { limit: 3 })).messages);
    const recovered = await take(queue, { limit: 50, retention });
    expect(recovered.recovered).toBe(3);
    const { lease } = recovered;
    let messages = seen(recovered.messages);
    for (let claims = 0; claims < 3; claims++)
      messages = seen((await settle(queue, lease, messages.map(done), next({ limit: 50 }))).messages);
    const [first, second, third, fourth, ...others] = messages;
    await queue.transact({ lease, ...first!, signal: never }, async (transaction) => {
      await queue.enqueue([message('by a handler')], transaction);
      // Another call of the run goes on while the handler's transaction is open.
      await settle(queue, lease, [], keep);
    });
    const outcomes = [dead(second!), retry(third!, anHour), giveBack(fourth!, anHour)];
    await settle(queue, lease, outcomes, keep, { retention });
    seen((await settle(queue, lease, others.map(done), next({ solo: false, limit: 1 }))).messages);
    await settle(queue, lease, [], release);
    expect(await replayDead(queue, { messageIds: [second!.messageId] }, 10)).toBe(1);
    const last = await take(queue, { limit: 1 });
    const [one] = seen(last.messages);
    await settle(queue, last.lease, [dead(one!)], release);
    expect(await discardDead(queue, { messageIds: [one!.messageId] }, 10)).toBe(1);
    const small = await take(queue, { limit: 1, maxBytes: 1 });
    await settle(
      queue,
      small.lease,
      seen(small.messages).map((each) => giveBack(each)),
      release,
    );
  }
  return topics;
}

/** Calls the procedures of leases, of a registry or a tenant. */
export async function lease(leases: LeaseStore): Promise<void> {
  const name = randomUUID();
  const acquired = await leases.acquire({ name, owner: 'a', durationMs: anHour });
  if (acquired.status !== 'acquired') throw new Error('expected the lease');
  expect(await leases.acquire({ name, owner: 'b', durationMs: 1 })).toMatchObject({
    status: 'leased-elsewhere',
  });
  const { fence, acquisitionId } = acquired;
  const held = { name, owner: 'a', fence, acquisitionId };
  expect(await leases.renew(held, anHour)).toMatchObject({ status: 'renewed' });
  expect(await leases.list()).toContainEqual(expect.objectContaining({ name, held: true }));
  expect(await leases.release(held)).toBe(true);
}

/** Calls the procedures that people use to read: counts, dead messages, one message, and the journal. */
export async function look(tenant: TenantDatabase, pool: mssql.ConnectionPool): Promise<void> {
  for (const name of queueNames) {
    const queue = tenant.queue(name);
    const kept = message('kept');
    await queue.enqueue([kept]);
    expect(await queue.get(kept.messageId)).toMatchObject({ status: MessageStatus.Ready });
    expect((await queue.statistics()).ready).toBeGreaterThanOrEqual(1);
    const filter = { topic: 'orders', olderThanMs: 0 };
    const count = await countDead(queue, filter);
    expect(await listDead(queue, filter, { limit: 10 })).toHaveLength(Math.min(10, count));
    for (const each of [
      { messageIds: [kept.messageId] },
      { dedupKey: 'none' },
      { orderingKey: name, states: ['ready'] as const },
      { states: ['claimed'] as const },
      { states: ['done', 'cancelled'] as const },
      { source: 'none', correlationId: 'none', errorText: 'none', payloadText: 'none' },
    ])
      for (const waits of [false, true]) await queue.find(each, { limit: 10, examine: 1_000, waits });
    expect(await queue.get(randomUUID())).toBeNull();
    expect(await queue.act({ do: 'reschedule', delayMs: anHour }, [kept])).toEqual([kept.messageId]);
    const replacement = { messageId: randomUUID(), payload: '{}', headers: {}, delayMs: 0, reason: 'a test' };
    expect(await queue.replace({ target: kept, ...replacement })).toBe(true);
    expect(await queue.act({ do: 'cancel', reason: 'a test' }, [replacement])).toHaveLength(1);
  }
  await pool.request().batch('EXEC messaging.SchemaJournal_List');
}

/** Calls the registry's procedures, with tenants of its own. */
export async function administer(registry: Registry, pool: mssql.ConnectionPool): Promise<void> {
  const ids = [1, 2, 3].map((nth) => `${nth}-${randomUUID()}`);
  for (const id of ids) await add(registry, id);
  await registry.change(definition(ids[0]!, { priority: 1 }), keyOf(ids[0]!));
  await registry.recordSchema(ids[0]!, 3);
  await registry.setStatus(ids[2]!, 'paused');
  expect(await registry.get(ids[2]!)).toMatchObject({ status: 'paused' });
  expect(await registry.list({ after: ids[0]!, limit: 10 })).not.toHaveLength(0);
  const { version } = await registry.changesSince(null);
  expect(await registry.changesSince(version - 1)).toMatchObject({ version });
  for (const order of candidateOrders) {
    expect(await registry.wake(ids)).toMatchObject({ tenantIds: ids.slice(0, 2) });
    expect(await registry.hasWoken()).toBe(true);
    const plan = await duePlan(registry, { limit: 1, order });
    await commit(registry, plan);
  }
  for (const id of ids) await registry.postpone(id, anHour);
  const times = { wait: emptyHistogram, handle: emptyHistogram };
  for (const id of ids) await report(registry, id, { outcome: 'dispatched', times, nextDueInMs: anHour });
  await registry.recordPoisoned();
  await registry.keepHistory({ record: true });
  expect(await registry.fleetHistory(anHour)).not.toHaveLength(0);
  expect(await registry.tenantHistory(ids[0]!, anHour)).not.toHaveLength(0);
  expect((await registry.wake(ids, { capacity: 1, redispatchMs: anHour })).chosen).toHaveLength(1);
  expect((await registry.fleet()).tenants).toMatchObject({ paused: expect.any(Number) });
  await pool.request().batch('EXEC messaging.SchemaJournal_List');
  for (const id of ids) await registry.setStatus(id, 'retired');
}
