import type { ClaimedMessage, Outcome } from '../engine/message.ts';
import type { Handler } from './handler.ts';

/** A claimed message with its handler, or with the outcome that it gets without being handled. */
export type Assignment = { readonly message: ClaimedMessage } & (
  | { readonly handler: Handler; readonly verdict?: undefined }
  | { readonly handler: null; readonly verdict: Outcome }
);

interface Lane {
  readonly limit: number;
  running: number;
  /** Assignments with their number in the order of arrival. `head` is the index of the first one that still waits. */
  readonly entries: { readonly order: number; readonly assignment: Assignment }[];
  head: number;
}

/**
 * Claimed messages that have not been started. They start in the order they were claimed, except that
 * - a handler with a concurrency of its own has a lane of its own, so that it delays no other handler (D2);
 * - of each ordering group one message runs at a time; the next one follows when it is Done (Q10).
 */
export class WaitingMessages {
  readonly #lanes = new Map<Handler | null, Lane>();
  /** By ordering key: the messages behind the first one of their group, which is started or in its lane. */
  readonly #behind = new Map<string, Assignment[]>();
  readonly #onUnblocked: (message: ClaimedMessage) => void;
  #order = 0;
  #size = 0;

  /** @param onUnblocked called when a message that `add` did not let start may start */
  constructor(onUnblocked: (message: ClaimedMessage) => void = () => {}) {
    this.#onUnblocked = onUnblocked;
  }

  /** How many messages wait, blocked ones included. */
  get size(): number {
    return this.#size;
  }

  /** How many of them may start now: not those behind another of their group, or over the limit of their handler. */
  get startable(): number {
    let count = 0;
    for (const { entries, head, limit, running } of this.#lanes.values()) {
      count += Math.max(0, Math.min(entries.length - head, limit - running));
    }
    return count;
  }

  /** Returns whether the message may start as soon as its handler is free: false behind another of its group. */
  add(assignment: Assignment): boolean {
    this.#size++;
    const key = assignment.message.orderingKey;
    if (key !== null) {
      const blocked = this.#behind.get(key);
      if (blocked) {
        blocked.push(assignment);
        return false;
      }
      this.#behind.set(key, []);
    }
    this.#enter(assignment);
    return true;
  }

  /** Returns the next message that may start, or undefined; its lane counts it as running until `ended` is called. */
  next(): Assignment | undefined {
    let chosen: Lane | undefined;
    for (const lane of this.#lanes.values()) {
      const entry = lane.entries[lane.head];
      if (entry === undefined || lane.running >= lane.limit) continue;
      if (chosen === undefined || entry.order < chosen.entries[chosen.head]!.order) chosen = lane;
    }
    if (chosen === undefined) return undefined;
    const { assignment } = chosen.entries[chosen.head++]!;
    // A lane that always has waiting messages is never emptied, so its started ones must be removed here (D6).
    if (chosen.head * 2 >= chosen.entries.length) {
      chosen.entries.splice(0, chosen.head);
      chosen.head = 0;
    }
    chosen.running++;
    this.#size--;
    return assignment;
  }

  /**
   * Records that a started message has ended. With `unblocks` the next message of its ordering group may start;
   * otherwise the messages behind it are removed and returned, so that the caller can release them unstarted.
   */
  ended({ message, handler }: Pick<Assignment, 'message' | 'handler'>, unblocks: boolean): ClaimedMessage[] {
    this.#lanes.get(handler)!.running--;
    return message.orderingKey === null ? [] : this.#advance(message.orderingKey, unblocks);
  }

  /** All waiting messages. */
  messages(): ClaimedMessage[] {
    const waiting: ClaimedMessage[] = [];
    for (const lane of this.#lanes.values()) {
      for (const { assignment } of lane.entries.slice(lane.head)) waiting.push(assignment.message);
    }
    for (const blocked of this.#behind.values()) waiting.push(...blocked.map(({ message }) => message));
    return waiting;
  }

  /** Removes and returns all waiting messages. */
  drain(): ClaimedMessage[] {
    const taken = this.messages();
    for (const lane of this.#lanes.values()) {
      lane.entries.length = 0;
      lane.head = 0;
    }
    this.#behind.clear();
    this.#size = 0;
    return taken;
  }

  #advance(key: string, unblocks: boolean): ClaimedMessage[] {
    const blocked = this.#behind.get(key);
    if (blocked === undefined) return [];
    if (!unblocks) {
      this.#behind.delete(key);
      this.#size -= blocked.length;
      return blocked.map(({ message }) => message);
    }
    const following = blocked.shift();
    if (following === undefined) this.#behind.delete(key);
    else {
      this.#enter(following);
      this.#onUnblocked(following.message);
    }
    return [];
  }

  #enter(assignment: Assignment): void {
    let lane = this.#lanes.get(assignment.handler);
    if (lane === undefined) {
      lane = {
        limit: assignment.handler?.concurrency ?? Number.POSITIVE_INFINITY,
        running: 0,
        entries: [],
        head: 0,
      };
      this.#lanes.set(assignment.handler, lane);
    }
    lane.entries.push({ order: this.#order++, assignment });
  }
}
