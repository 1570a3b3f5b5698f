/** A host in one process, as `multi-outbox run` starts it. */
import { setTimeout as pause } from 'node:timers/promises';
import type { SimulatedProcess } from '../machine/process.ts';
import type { World } from '../world.ts';
import { type Topic, topics } from './handlers.ts';
import { type Host, type Member, type MemberOptions, startMember } from './member.ts';

export class LocalHost implements Host {
  readonly name: string;
  readonly handled: readonly Topic[];
  readonly #world: World;
  readonly #member: Member;
  readonly #stop = new AbortController();

  /** @param until for how long the host's own application stores messages, in milliseconds of the history */
  constructor(world: World, name: string, options: MemberOptions, until: number) {
    this.#world = world;
    this.name = name;
    this.handled = options.handled ?? [];
    this.#member = startMember(world, name, options);
    world.journal.note(name, `starts with handlers of ${this.handled.join(', ')}`);
    void this.process.run(() => this.#run());
    void this.process.run(() => this.#store(until));
  }

  get process(): SimulatedProcess {
    return this.#member.process;
  }

  async #run(): Promise<void> {
    await this.#member.multiOutbox.run({ signal: this.#stop.signal });
    this.#world.journal.note(this.name, 'has ended its run');
  }

  /** An application in the same process, whose wakes the host serves at once. */
  async #store(until: number): Promise<void> {
    const { random, time, tenants } = this.#world;
    while (time.now < until && !this.#stop.signal.aborted) {
      await pause(random.between(500, 4_000));
      const message = { topic: random.pick(topics), payload: {} };
      await this.#member.multiOutbox
        .outbox(random.pick(tenants).id)
        .enqueue(message)
        .catch(() => {});
    }
  }

  async stop(): Promise<void> {
    this.#world.journal.note(this.name, 'is stopped');
    await this.process.run(async () => {
      this.#stop.abort();
      await this.#member.multiOutbox.close();
    });
    this.process.hasClosed = true;
    this.#world.journal.note(this.name, 'has closed');
  }
}
