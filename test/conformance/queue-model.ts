/**
 * A model of a work queue, in memory and without a clock: a message is due now or in an hour. The model
 * checks each claim against what could be claimed; it does not predict which of several allowed claims is made.
 */
import type { ClaimedMessage, NewMessage, SettledMessage } from '../../src/engine/message.ts';
import type { Claim, QueueStatistics } from '../../src/engine/work-queue.ts';

export interface ModelMessage {
  readonly id: string;
  readonly key: string | null;
  status: 'ready' | 'claimed' | 'done' | 'dead';
  attempts: number;
  replays: number;
  later: boolean;
  recovered: boolean;
  /** Dead, and blocking its key. */
  holds: boolean;
  /** Set at the first claim. */
  sequence: number;
}

export class QueueModel {
  /** The messages in the order in which they were enqueued, which is the order of their sequences. */
  readonly messages: ModelMessage[] = [];

  enqueue(message: NewMessage): void {
    this.messages.push({
      id: message.messageId,
      key: message.orderingKey ?? null,
      status: 'ready',
      attempts: 0,
      replays: 0,
      later: (message.dueInMs ?? 0) > 0,
      recovered: false,
      holds: false,
      sequence: -1,
    });
  }

  in(status: ModelMessage['status']): ModelMessage[] {
    return this.messages.filter((each) => each.status === status);
  }

  bySequence(sequence: number): ModelMessage {
    return this.messages.find((each) => each.sequence === sequence)!;
  }

  /** A new fence: every claimed message becomes Ready again. Returns how many. */
  recover(): number {
    const claimed = this.in('claimed');
    for (const each of claimed) Object.assign(each, { status: 'ready', recovered: true });
    return claimed.length;
  }

  #lines(): ModelMessage[][] {
    const lines = new Map<string, ModelMessage[]>();
    for (const each of this.messages) {
      if (each.key === null || each.status === 'done' || (each.status === 'dead' && !each.holds)) continue;
      lines.set(each.key, [...(lines.get(each.key) ?? []), each]);
    }
    return [...lines.values()];
  }

  /** Ready messages that no earlier message of their group blocks. */
  #free(): ModelMessage[] {
    const heads = this.#lines()
      .filter((line) => !line.some(({ status }) => status === 'claimed'))
      .map(([head]) => head!)
      .filter(({ status }) => status === 'ready');
    return [...this.in('ready').filter(({ key }) => key === null), ...heads];
  }

  /** The messages that one claim may take, each ordering group as one chain. */
  #chains(): ModelMessage[][] {
    const lines = new Map(this.#lines().map((line) => [line[0]!, line]));
    return this.#free()
      .filter(({ later }) => !later)
      .map((head) => {
        const line = lines.get(head) ?? [head];
        const end = line.findIndex(
          (each, index) => each.later || each.status !== 'ready' || (index > 0 && each.recovered),
        );
        return end < 0 ? line : line.slice(0, end);
      });
  }

  /**
   * A message was replayed in front of one in flight in its ordering group: each engine decides how a claim then
   * reports it.
   */
  #unusual(): boolean {
    return this.#lines().some(
      (line) => line[0]!.status === 'ready' && line.some(({ status }) => status === 'claimed'),
    );
  }

  /** Takes over what an engine claimed; throws when it could not have been claimed. */
  claim(claimed: readonly ClaimedMessage[], limit: number, solo: boolean): void {
    const chains = this.#chains();
    const recovered = chains.some(([head]) => head!.recovered);
    const possible = chains.reduce((sum, chain) => sum + chain.length, 0);
    expect(claimed.length).toBeLessThanOrEqual(limit);
    if (!recovered) expect(claimed.length).toBe(Math.min(limit, possible));
    else if (solo) expect(claimed.length).toBeGreaterThan(0);
    if (claimed.some((each) => each.recovered)) expect([claimed.length, solo]).toEqual([1, true]);
    const heads = new Map(chains.map((chain) => [chain[0]!.id, chain]));
    for (const each of claimed) {
      // The chain's next message, or one that could not be claimed.
      const chain = [...heads.values()].find(([head]) => head?.id === each.messageId);
      if (!chain) throw new Error(`message ${each.messageId} could not be claimed now`);
      const model = chain.shift()!;
      expect({ attempt: each.attempt, recovered: each.recovered }).toEqual({
        attempt: model.attempts + 1,
        recovered: model.recovered,
      });
      Object.assign(model, { status: 'claimed', attempts: each.attempt, sequence: each.sequence });
    }
    const keyless = claimed.filter(({ orderingKey }) => orderingKey === null);
    const byDue = [...keyless].sort(
      (a, b) => a.dueUtc.getTime() - b.dueUtc.getTime() || a.sequence - b.sequence,
    );
    expect(keyless).toEqual(byDue);
  }

  /**
   * Checks the claim's report about the remaining messages. After a full claim an engine may leave it to the next one to find
   * out whether due messages with keys are followers.
   */
  expectRest({ more, nextDueInMs }: Pick<Claim, 'more' | 'nextDueInMs'>, isFull: boolean): void {
    if (this.#unusual()) return;
    const isUnknown = isFull && this.in('ready').some(({ key, later }) => key !== null && !later);
    if (isUnknown && more && nextDueInMs === 0) return;
    const free = this.#free();
    if (free.some(({ later }) => !later)) {
      expect({ more, nextDueInMs }).toEqual({ more: true, nextDueInMs: 0 });
      return;
    }
    if (free.length > 0) expect(nextDueInMs).toBeGreaterThan(0);
    else expect(nextDueInMs).toBeNull();
    if (this.in('claimed').length === 0) expect(more).toBe(false);
  }

  settle(outcome: SettledMessage, onDead: 'block' | 'continue'): void {
    const message = this.bySequence(outcome.sequence);
    message.recovered = false;
    if (outcome.kind === 'done') {
      message.status = 'done';
    } else if (outcome.kind === 'dead') {
      message.status = 'dead';
      message.holds = onDead === 'block' && message.key !== null;
    } else {
      message.status = 'ready';
      message.later = outcome.delayMs > 0;
      if (outcome.kind === 'release') message.attempts--;
    }
  }

  replay(message: ModelMessage): void {
    Object.assign(message, { status: 'ready', attempts: 0, later: false, holds: false });
    message.replays++;
  }

  discard(message: ModelMessage): void {
    this.messages.splice(this.messages.indexOf(message), 1);
  }

  expectStatistics(statistics: QueueStatistics): void {
    const { ready, claimed, done, dead } = statistics;
    expect({ ready, claimed, done, dead }).toEqual({
      ready: this.in('ready').length,
      claimed: this.in('claimed').length,
      done: this.in('done').length,
      dead: this.in('dead').length,
    });
    if (this.#unusual()) return;
    const free = this.#free();
    expect({ due: statistics.due, blocked: statistics.blocked }).toEqual({
      due: free.filter(({ later }) => !later).length,
      blocked: ready - free.length,
    });
  }
}
