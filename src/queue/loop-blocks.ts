import { hearingLateWork } from '../engine/late-work.ts';
import { loopPulse } from './loop-pulse.ts';

/** The longest time for which the event loop was busy without a pause. All work of the process waited for it. */
export interface LoopBlock {
  /**
   * The topic whose handlers did it, or may have done it (see `measured`); null when reading and writing messages in
   * the database did.
   */
  readonly topic: string | null;
  readonly ms: number;
  /**
   * True when the time was measured around the run's own calls. False when a timer noticed it while a handler of the
   * topic was in flight: then either the handler did it after its first `await`, or other code of the process did, such
   * as the application's own or a long enqueue into a file. Node cannot tell these apart.
   */
  readonly measured: boolean;
}

/** Milliseconds. Shorter blocks are not reported: garbage collection alone takes some. */
const shortestMs = 50;

/**
 * Measures what one run does to the event loop. What a handler does before its first `await` is measured exactly, and so
 * are the run's synchronous database calls. What it does later is noticed by the beats of a timer, together with what
 * other code of the process does: the first handler that ends while the loop is blocked, or else the only one in flight,
 * is named, but as not measured.
 */
export class LoopBlocks {
  #longest: LoopBlock | undefined;
  /** By topic: the milliseconds of the handlers that were called since the last pause. */
  readonly #called = new Map<string, number>();

  /** Undefined when every block was short. */
  get longest(): LoopBlock | undefined {
    return this.#longest && { ...this.#longest, ms: Math.round(this.#longest.ms) };
  }

  /** A block while a handler of this topic was in flight; it may have been other code. */
  noticed(topic: string, ms: number): void {
    this.#record({ topic, ms, measured: false });
  }

  /** Calls the database. @param call returns when its synchronous part is over */
  database<T>(call: () => Promise<T>): Promise<T> {
    const record = (ms: number) => this.#record({ topic: null, ms, measured: true });
    const from = performance.now();
    try {
      return hearingLateWork(record, call);
    } finally {
      record(performance.now() - from);
    }
  }

  /** A handler of this topic was called. `paused` must follow when the caller has called all handlers that it can. */
  called(topic: string, ms: number): void {
    this.#called.set(topic, (this.#called.get(topic) ?? 0) + ms);
  }

  /** Handlers that were called one after another make one block; the topic that took longest is responsible. */
  paused(): void {
    if (this.#called.size === 0) return;
    let total = 0;
    let longest: { readonly topic: string; readonly ms: number } | undefined;
    for (const [topic, ms] of this.#called) {
      total += ms;
      if (longest === undefined || ms > longest.ms) longest = { topic, ms };
    }
    this.#called.clear();
    if (longest !== undefined) this.#record({ topic: longest.topic, ms: total, measured: true });
  }

  /** An attempt has ended some time after its handler was called. @param at by `performance.now()` */
  ended(topic: string, at: number): void {
    this.noticed(topic, loopPulse.blockedAt(at));
  }

  #record(block: LoopBlock): void {
    if (block.ms < shortestMs) return;
    // Otherwise the next beat would notice the same block again.
    loopPulse.recorded();
    if (this.#longest !== undefined && block.ms <= this.#longest.ms) return;
    this.#longest = block;
  }
}
