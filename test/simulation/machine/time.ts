/**
 * The virtual clock of all simulated processes. Time stands still while code runs, and jumps to the next timer when no
 * code is left to run. A timer belongs to the process that set it: it is late in a frozen process, and lost in a dead one.
 */
import { syncBuiltinESMExports } from 'node:module';
import timersPromises from 'node:timers/promises';
import * as FakeTimers from '@sinonjs/fake-timers';
import { SimulatedProcess } from './process.ts';

const realImmediate = setImmediate;
const realMilliseconds = performance.now.bind(performance);

/** The beginning of every history, milliseconds since 1970. */
const epoch = Date.UTC(2030, 0, 1);

type Callback = (...args: unknown[]) => void;
/** The timers behind those that belong to processes. */
export type Timers = Pick<
  FakeTimers.Clock,
  'setTimeout' | 'clearTimeout' | 'setInterval' | 'clearInterval' | 'setImmediate' | 'clearImmediate'
>;
type Handle = ReturnType<FakeTimers.Clock['setTimeout']> & object;

/** A timer may have to wait in a frozen process after the clock has fired it, and may be cleared meanwhile. */
interface Timer {
  isCleared: boolean;
  isHeld: boolean;
}

/** The clock of a history. All times are milliseconds. */
export interface Time {
  /** Since the beginning of the history. */
  readonly now: number;
  /** The same as a time of day, since 1970. */
  readonly utc: number;
  /** How many timers have fired. */
  readonly events: number;
  /** Resolves in this instant, once no other code is left to run; several in the order of these numbers. */
  turn(order: number): Promise<void>;
  /** Lets time pass until then, since the beginning of the history, or until `isOver` says so. */
  runUntil(end: number, isOver?: () => boolean): Promise<void>;
  close(): void;
}

export class VirtualTime implements Time {
  readonly #clock: FakeTimers.Clock;
  readonly #restore: () => void;
  #turns: { readonly order: number; readonly take: () => void }[] = [];
  events = 0;

  /** Replaces the timers and clocks of this Node process until `close`. */
  constructor() {
    this.#clock = FakeTimers.install({
      now: epoch,
      toFake: [
        'setTimeout',
        'clearTimeout',
        'setInterval',
        'clearInterval',
        'setImmediate',
        'clearImmediate',
        'Date',
        'performance',
      ],
    });
    this.#restore = ownTimers(this.#clock);
  }

  get now(): number {
    return this.#clock.now - epoch;
  }

  get utc(): number {
    return this.#clock.now;
  }

  turn(order: number): Promise<void> {
    return new Promise((take) => {
      this.#turns.push({ order, take });
    });
  }

  async runUntil(end: number, isOver: () => boolean = () => false): Promise<void> {
    let isReached = false;
    SimulatedProcess.outside(() => {
      setTimeout(() => {
        isReached = true;
      }, end - this.now);
    });
    while (!isReached && !isOver()) {
      await this.#settled();
      if (isOver()) return;
      this.events++;
      this.#clock.next();
    }
    await this.#settled();
  }

  /** Resolves when no code is left to run: every promise that can be settled has been. */
  async #settled(): Promise<void> {
    for (;;) {
      await new Promise((resolve) => realImmediate(resolve));
      const turns = this.#turns;
      if (turns.length === 0) return;
      this.#turns = [];
      for (const { take } of turns.sort((a, b) => a.order - b.order)) take();
    }
  }

  close(): void {
    this.#restore();
    this.#clock.uninstall();
    syncBuiltinESMExports();
  }
}

/** Milliseconds by the machine's real clock, for measurements of the simulator itself. */
export function realTime(): number {
  return realMilliseconds();
}

/** Makes timers belong to the process that sets them. Returns a function that undoes it. */
export function ownTimers(clock: Timers): () => void {
  const timers = new WeakMap<object, Timer>();

  function set(start: (fire: () => void, ms?: number) => unknown, repeats: boolean) {
    return (callback: Callback, ms?: number, ...args: unknown[]): Handle => {
      const owner = SimulatedProcess.current;
      const timer: Timer = { isCleared: false, isHeld: false };
      const call = () => {
        timer.isHeld = false;
        if (timer.isCleared) return;
        if (!repeats) owner?.timers.delete(timer);
        if (owner === undefined) callback(...args);
        else owner.run(() => callback(...args));
      };
      const fire = () => {
        if (owner === undefined) return call();
        // An interval that fires again while the process is frozen is not called twice.
        if (timer.isHeld) return;
        timer.isHeld = !owner.isRunning;
        owner.deliver(call);
        if (repeats && owner.isDead) clock.clearInterval(handle);
      };
      const handle = start(fire, ms) as Handle;
      owner?.timers.set(timer, callback.name || 'anonymous');
      timers.set(handle, Object.assign(timer, { owner }));
      return handle;
    };
  }
  function clear(stop: (handle: never) => void) {
    return (handle: Handle | undefined): void => {
      const timer = typeof handle === 'object' ? timers.get(handle) : undefined;
      if (timer !== undefined) {
        timer.isCleared = true;
        (timer as Timer & { owner?: SimulatedProcess }).owner?.timers.delete(timer);
      }
      stop(handle as never);
    };
  }

  const replaced = {
    setTimeout: set((fire, ms) => clock.setTimeout(fire, ms ?? 0), false),
    setInterval: set((fire, ms) => clock.setInterval(fire, ms ?? 0), true),
    setImmediate: set((fire) => clock.setImmediate(fire), false),
    clearTimeout: clear((handle) => clock.clearTimeout(handle)),
    clearInterval: clear((handle) => clock.clearInterval(handle)),
    clearImmediate: clear((handle) => clock.clearImmediate(handle)),
  };
  const immediate = replaced.setImmediate;
  Object.assign(globalThis, replaced, {
    setImmediate: (callback: Callback, ...args: unknown[]) => immediate(callback, undefined, ...args),
  });
  const original = { setTimeout: timersPromises.setTimeout, setImmediate: timersPromises.setImmediate };
  Object.assign(timersPromises, {
    setTimeout: (ms: number, value?: unknown) =>
      new Promise((resolve) => globalThis.setTimeout(resolve, ms, value)),
    setImmediate: (value?: unknown) =>
      new Promise((resolve) => globalThis.setImmediate(() => resolve(value))),
  });
  const { timeout } = AbortSignal;
  AbortSignal.timeout = (ms) => {
    const owner = SimulatedProcess.current;
    const controller = new AbortController();
    const fire = () => controller.abort(new DOMException('The time is over.', 'TimeoutError'));
    // Node cannot clear it, so it is not one of the timers that a process must clear.
    clock.setTimeout(() => (owner === undefined ? fire() : owner.deliver(fire)), ms);
    return controller.signal;
  };
  syncBuiltinESMExports();
  return () => {
    Object.assign(timersPromises, original);
    AbortSignal.timeout = timeout;
  };
}
