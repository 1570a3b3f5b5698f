import type { ClaimedMessage, Outcome } from '../engine/work-queue.ts';
import type { Handler } from './handler.ts';

/** A claimed message with the handler that will get it, or with the verdict that it gets instead of being run. */
export type Assignment = { readonly message: ClaimedMessage } & (
  | { readonly handler: Handler; readonly verdict?: undefined }
  | { readonly handler: null; readonly verdict: Outcome }
);

interface Lane {
  readonly limit: number;
  running: number;
  /** Assignments with their place in the order of arrival. `head` marks the first one that still waits. */
  readonly entries: { readonly order: number; readonly assignment: Assignment }[];
  head: number;
}

/**
 * Claimed messages that have not been started. They start in the order they were claimed, except that
 * - a handler with a concurrency of its own has a lane of its own, so that it holds up nobody else (D2);
 * - of an ordering key only one message is out at a time; the ones behind it follow when it is Done (Q10).
 */
export class WaitingMessages {
  readonly #lanes = new Map<Handler | null, Lane>();
  /** Messages waiting behind a started or waiting one of their key. */
  readonly #behind = new Map<string, Assignment[]>();
  #order = 0;
  #size = 0;

  /** Messages waiting, those behind their key included. */
  get size(): number {
    return this.#size;
  }

  add(assignment: Assignment): void {
    this.#size++;
    const key = assignment.message.orderingKey;
    if (key !== null) {
      const line = this.#behind.get(key);
      if (line) {
        line.push(assignment);
        return;
      }
      this.#behind.set(key, []);
    }
    this.#enter(assignment);
  }

  /** The next message that may start, or undefined; its lane counts it as running until `ended` is called. */
  next(): Assignment | undefined {
    let chosen: Lane | undefined;
    for (const lane of this.#lanes.values()) {
      const entry = lane.entries[lane.head];
      if (entry === undefined || lane.running >= lane.limit) continue;
      if (chosen === undefined || entry.order < chosen.entries[chosen.head]!.order) chosen = lane;
    }
    if (chosen === undefined) return undefined;
    const { assignment } = chosen.entries[chosen.head++]!;
    // Batch follows batch before a lane is ever empty: what has left it must not stay in memory (D6).
    if (chosen.head * 2 >= chosen.entries.length) {
      chosen.entries.splice(0, chosen.head);
      chosen.head = 0;
    }
    chosen.running++;
    this.#size--;
    return assignment;
  }

  /**
   * A started message has ended. With `keyGoesOn` the next of its ordering key may start; otherwise those behind it
   * are taken out and returned, to be released unstarted.
   */
  ended({ message, handler }: Pick<Assignment, 'message' | 'handler'>, keyGoesOn: boolean): ClaimedMessage[] {
    this.#lanes.get(handler)!.running--;
    return message.orderingKey === null ? [] : this.#advance(message.orderingKey, keyGoesOn);
  }

  /** Takes out all that wait. */
  drain(): ClaimedMessage[] {
    const taken: ClaimedMessage[] = [];
    for (const lane of this.#lanes.values()) {
      for (const { assignment } of lane.entries.slice(lane.head)) taken.push(assignment.message);
      lane.entries.length = 0;
      lane.head = 0;
    }
    for (const line of this.#behind.values()) taken.push(...line.map(({ message }) => message));
    this.#behind.clear();
    this.#size = 0;
    return taken;
  }

  #advance(key: string, goesOn: boolean): ClaimedMessage[] {
    const line = this.#behind.get(key);
    if (line === undefined) return [];
    if (!goesOn) {
      this.#behind.delete(key);
      this.#size -= line.length;
      return line.map(({ message }) => message);
    }
    const following = line.shift();
    if (following === undefined) this.#behind.delete(key);
    else this.#enter(following);
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
