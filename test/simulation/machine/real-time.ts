/** The machine's own clock, for histories on a server. A timer belongs to the process that set it, as under virtual time. */
import { syncBuiltinESMExports } from 'node:module';
import { ownTimers, type Time, type Timers } from './time.ts';

const { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, clearImmediate } = globalThis;
const real = { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, clearImmediate };
const lookMs = 20;

export class RealTime implements Time {
  readonly events = 0;
  readonly #startedAt = Date.now();
  readonly #undo = ownTimers(real as unknown as Timers);

  get now(): number {
    return this.utc - this.#startedAt;
  }

  get utc(): number {
    return Date.now();
  }

  /** The models of a server do not compare single calls. */
  async turn(): Promise<void> {}

  async runUntil(end: number, isOver: () => boolean = () => false): Promise<void> {
    while (this.now < end && !isOver()) await new Promise((resolve) => setTimeout(resolve, lookMs));
  }

  close(): void {
    this.#undo();
    Object.assign(globalThis, real);
    syncBuiltinESMExports();
  }
}
