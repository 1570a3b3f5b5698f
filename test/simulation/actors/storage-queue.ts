/** A queue as cloud storage has it: it may deliver late, twice and in another order, and gives up after some failures. */
import { SimulatedProcess } from '../machine/process.ts';
import type { World } from '../world.ts';

/** Virtual milliseconds after which a message whose receiver has not answered is delivered again. */
const visibilityMs = 12_000;
/** Virtual milliseconds until a message is delivered, as a rule. */
const usualMs = [5, 20, 20, 100, 400];
/** After this many failures a message goes to the poison queue. */
const mostDeliveries = 5;

export interface StorageQueueOptions {
  readonly name: string;
  /** Handles one message. Rejects when it failed; stays pending for ever when its process dies. */
  readonly deliver: (text: string) => Promise<void>;
  readonly poison: (text: string) => Promise<void>;
}

interface Stored {
  readonly text: string;
  deliveries: number;
  isDeleted: boolean;
}

export class StorageQueue {
  readonly #world: World;
  readonly #options: StorageQueueOptions;

  constructor(world: World, options: StorageQueueOptions) {
    this.#world = world;
    this.#options = options;
  }

  /** Stores a message. What it does later belongs to no process. */
  send(content: unknown): void {
    const { faults, random } = this.#world;
    const text = JSON.stringify(content);
    SimulatedProcess.outside(() => {
      const late = faults.strikes('queue delivers late') ? faults.random.pick([3_000, 20_000, 45_000]) : 0;
      this.#later({ text, deliveries: 0, isDeleted: false }, random.pick(usualMs) + late);
      if (!faults.strikes('queue delivers twice')) return;
      this.#later({ text, deliveries: 0, isDeleted: false }, faults.random.pick([0, 50, 15_000]));
    });
  }

  #later(message: Stored, ms: number): void {
    setTimeout(() => this.#deliver(message), ms);
  }

  #deliver(message: Stored): void {
    if (message.isDeleted) return;
    message.deliveries++;
    if (message.deliveries > mostDeliveries) {
      message.isDeleted = true;
      this.#world.journal.note(this.#options.name, `poison: ${message.text}`);
      void this.#options.poison(message.text).catch(() => {});
      return;
    }
    // Unless the receiver answers sooner, the message becomes visible again.
    let isAnswered = false;
    setTimeout(() => {
      if (!isAnswered) this.#deliver(message);
    }, visibilityMs);
    this.#options.deliver(message.text).then(
      () => {
        isAnswered = true;
        message.isDeleted = true;
      },
      () => {
        if (!isAnswered) this.#later(message, 1_000);
        isAnswered = true;
      },
    );
  }
}
