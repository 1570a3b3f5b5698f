/** The acquisitions of a queue's lease, as far as the model has seen them. */
import type { LeaseRef } from '../../../src/engine/lease-store.ts';
import type { SimulatedProcess } from '../machine/process.ts';

export class Acquisitions {
  readonly #byFence = new Map<string, string>();
  readonly #processes = new Map<string, SimulatedProcess>();

  /**
   * Returns the acquisitions that a fence no longer tells apart, because a restored database gave the fence to the
   * process again.
   */
  add(process: SimulatedProcess, { fence, acquisitionId }: LeaseRef): readonly string[] {
    const key = `${process.name} ${fence}`;
    const before = this.#byFence.get(key);
    this.#byFence.set(key, acquisitionId);
    this.#processes.set(acquisitionId, process);
    return before === undefined ? [] : [before, acquisitionId];
  }

  /** The acquisition that gave the process this fence. */
  of(process: SimulatedProcess, fence: number): string | undefined {
    return this.#byFence.get(`${process.name} ${fence}`);
  }

  processOf(acquisitionId: string): SimulatedProcess | undefined {
    return this.#processes.get(acquisitionId);
  }

  get ids(): Iterable<string> {
    return this.#processes.keys();
  }
}
