/** Checks the balance at the end of a test: rows in = effects out. */
import { MessageStatus } from '../../src/index.ts';
import type { Casualties } from './casualties.ts';
import type { Effects } from './effects.ts';
import type { Fleet, Sent } from './fleet.ts';

export interface Figures {
  readonly kills: number;
  readonly messages: number;
  /** Effects beyond one per message. */
  readonly duplicates: number;
  /** The most duplicates allowed: the messages in flight at the kills. */
  readonly bound: number;
  /** The uncertain part of the bound; normally 0. */
  readonly uncertain: number;
}

/**
 * Checks that every sent message is Done and took effect, and that no other took effect; that there are no more
 * duplicates and extra attempts than messages in flight at the kills; and that no message is stuck and no lease is
 * held.
 */
export async function closeBooks(fleet: Fleet, effects: Effects, casualties: Casualties): Promise<Figures> {
  const { certain, possible } = casualties;
  const sent = [...fleet.sent.values()];
  expect(sent.length).toBeGreaterThan(0);
  expect(sent.filter(({ messageId }) => effects.of(messageId) === 0)).toEqual([]);
  expect(effects.arrivals.filter(({ messageId }) => !fleet.sent.has(messageId))).toEqual([]);

  const records = new Map(
    await Promise.all(
      sent.map(async ({ tenantId, messageId }) => {
        return [messageId, await fleet.record(tenantId, messageId)] as const;
      }),
    ),
  );
  const notDone = [...records.values()].filter(({ status }) => status !== MessageStatus.Done);
  expect(notDone).toEqual([]);

  const bound = certain + possible;
  const duplicates = effects.accepted.length - sent.length;
  expect(duplicates).toBeLessThanOrEqual(bound);
  // Q5: a message has an extra attempt only after a crash of its run or a failure of its own.
  const extraAttempts = [...records.values()].reduce((sum, { attempts }) => sum + attempts - 1, 0);
  expect(extraAttempts).toBeGreaterThanOrEqual(certain);
  expect(extraAttempts).toBeLessThanOrEqual(bound + effects.refused);
  if (possible === 0) {
    const arrivals = Map.groupBy(effects.arrivals, ({ messageId }) => messageId);
    const unexplained = [...records.values()].filter(
      ({ messageId, attempts }) => attempts < arrivals.get(messageId)!.length,
    );
    expect(unexplained).toEqual([]);
  }

  expectNotBeforeDue(sent, effects);
  expectInOrder(sent, effects, (messageId) => records.get(messageId)!.sequence);
  await expectAtRest(fleet, casualties);
  return { kills: casualties.kills, messages: sent.length, duplicates, bound, uncertain: possible };
}

/** Q11: no message took effect before it was due. */
function expectNotBeforeDue(sent: readonly Sent[], effects: Effects): void {
  const firstArrival = new Map<string, number>();
  for (const { messageId, at } of effects.arrivals) {
    if (!firstArrival.has(messageId)) firstArrival.set(messageId, at);
  }
  // Databases count in milliseconds, and their clocks do not run exactly like ours.
  const tolerance = 10;
  const early = sent.filter(
    ({ messageId, sentAt, delayMs }) => firstArrival.get(messageId)! - sentAt < delayMs - tolerance,
  );
  expect(early).toEqual([]);
}

/**
 * Q10: the first effects of a key come in the order of its messages. The last effects, which receivers keep, come in
 * that order too. No effect begins while the one before it is running.
 */
function expectInOrder(
  sent: readonly Sent[],
  effects: Effects,
  sequenceOf: (messageId: string) => number,
): void {
  const accepted = Map.groupBy(effects.accepted, ({ messageId }) => messageId);
  const arrivals = Map.groupBy(effects.arrivals, ({ messageId }) => messageId);
  const keyed = sent.filter(({ orderingKey }) => orderingKey !== null);
  for (const line of Map.groupBy(keyed, (each) => `${each.tenantId} ${each.orderingKey}`).values()) {
    const inSequence = line.map(({ messageId }) => messageId).sort((a, b) => sequenceOf(a) - sequenceOf(b));
    for (const which of [0, -1]) {
      const placeOf = (messageId: string) => accepted.get(messageId)!.at(which)!.place;
      expect([...inSequence].sort((a, b) => placeOf(a) - placeOf(b))).toEqual(inSequence);
    }
    const overlaps = inSequence.slice(1).filter((messageId, index) => {
      const startedAt = arrivals.get(messageId)![0]!.at;
      const before = arrivals.get(inSequence[index]!)!;
      return before.some(({ at, endedAt }) => at < startedAt && endedAt > startedAt);
    });
    expect(overlaps).toEqual([]);
  }
}

/** Checks that no message and no lease is stuck, and that kills explain every lost outcome. */
async function expectAtRest(fleet: Fleet, casualties: Casualties): Promise<void> {
  for (const tenantId of fleet.tenantIds) {
    const { lease, statistics } = await fleet.queue(tenantId);
    const count = [...fleet.sent.values()].filter((each) => each.tenantId === tenantId).length;
    expect(statistics).toMatchObject({ ready: 0, claimed: 0, dead: 0, blocked: 0, done: count });
    if (lease === undefined) continue;
    expect(lease.held).toBe(false);
    casualties.seeFence(tenantId, lease.fence);
  }
  expect((await fleet.multiOutbox.leases().list()).filter(({ held }) => held)).toEqual([]);
  const { totals } = await fleet.multiOutbox.status();
  expect(totals.lost).toBeLessThanOrEqual(casualties.possible);
  expect(totals.dead).toBe(0);
}
