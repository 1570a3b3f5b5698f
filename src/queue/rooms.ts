import type { TopicRoom } from '../engine/work-queue.ts';
import type { Settings } from '../settings.ts';
import type { Handler } from './handler.ts';
import type { HandlerSet } from './handler-set.ts';

/** The messages of one handler that has a limit. */
interface Load {
  readonly handler: Handler;
  readonly limit: number;
  /** Claimed and not yet ended, but for those that wait behind another of their ordering group. */
  inFlight: number;
  /** Ended since the last claim was sent. */
  ended: number;
  /** What is left of the room that the last claim had; 0 or less when that claim used it up. */
  left: number;
}

/**
 * How many messages of the handlers with a concurrency of their own the next claim may take (Q4). Without it, the
 * messages of one slow handler would fill the run, and messages of other topics would wait for them (D2).
 *
 * A handler gets room for the attempts that may run, and for as many again, so that the next ones are there when these
 * end. A handler that ends more than that between two claims gets more room, so that it costs no more round trips than
 * a handler without a limit. Half a batch is the most that may wait.
 *
 * A message behind another of its ordering group uses no room, because it cannot start: otherwise the messages of one
 * key would keep the handler from running those of other keys.
 */
export class Rooms {
  readonly #loads: Load[];
  readonly #byHandler: ReadonlyMap<Handler | undefined, Load>;
  readonly #batchSize: number;

  constructor(handlers: HandlerSet, { concurrency, batchSize }: Settings['dispatch']) {
    this.#batchSize = batchSize;
    this.#loads = handlers.limitedBelow(concurrency).map((handler) => ({
      handler,
      limit: handler.concurrency ?? Number.POSITIVE_INFINITY,
      inFlight: 0,
      ended: 0,
      left: 0,
    }));
    this.#byHandler = new Map(this.#loads.map((load) => [load.handler, load]));
  }

  /**
   * Records a claimed message that does not wait behind another. Handlers without a limit are ignored, here and in the
   * other methods.
   */
  claimed(handler: Handler | undefined): void {
    const load = this.#byHandler.get(handler);
    if (load === undefined) return;
    load.inFlight++;
    load.left--;
  }

  /** Records that a message no longer waits behind another. It used none of the last claim's room. */
  unblocked(handler: Handler | undefined): void {
    const load = this.#byHandler.get(handler);
    if (load !== undefined) load.inFlight++;
  }

  /** Records that a message of `claimed` or `unblocked` has its outcome. */
  ended(handler: Handler | undefined): void {
    const load = this.#byHandler.get(handler);
    if (load === undefined) return;
    load.inFlight--;
    load.ended++;
  }

  /** The room for a claim that is sent now; undefined when no handler has a limit. */
  forClaim(): TopicRoom[] | undefined {
    if (this.#loads.length === 0) return undefined;
    return this.#loads.map((load) => {
      const room = this.#room(load);
      load.left = room;
      load.ended = 0;
      const { topic, source } = load.handler;
      return { topic, ...(source !== undefined && { source }), room };
    });
  }

  /**
   * Whether a handler that used up its room in the last claim has enough again for another claim: half of what may
   * wait for it.
   */
  get isFreeAgain(): boolean {
    return this.#loads.some((load) => {
      if (load.left > 0) return false;
      const mayWait = this.#most(load) - load.limit;
      return this.#room(load) >= Math.max(1, Math.ceil(mayWait / 2));
    });
  }

  #room(load: Load): number {
    return Math.max(0, this.#most(load) - load.inFlight);
  }

  /** The most messages of this handler in flight. */
  #most({ limit, ended }: Load): number {
    if (limit === Number.POSITIVE_INFINITY) return this.#batchSize * 2;
    const wanted = limit + Math.max(limit, 2 * ended);
    return Math.max(limit, Math.min(wanted, Math.floor(this.#batchSize / 2)));
  }
}
