/** A host in one process, as `multi-outbox run` starts it. */
import type { SimulatedProcess } from '../machine/process.ts';
import type { World } from '../world.ts';
import type { Topic } from './handlers.ts';
import { type Host, type Member, type MemberOptions, startMember } from './member.ts';

export class LocalHost implements Host {
  readonly name: string;
  readonly handled: readonly Topic[];
  readonly #world: World;
  readonly #member: Member;
  readonly #stop = new AbortController();

  constructor(world: World, name: string, options: MemberOptions) {
    this.#world = world;
    this.name = name;
    this.handled = options.handled ?? [];
    this.#member = startMember(world, name, options);
    world.journal.note(name, `starts with handlers of ${this.handled.join(', ')}`);
    void this.process.run(() => this.#run());
  }

  get process(): SimulatedProcess {
    return this.#member.process;
  }

  async #run(): Promise<void> {
    await this.#member.multiOutbox.run({ signal: this.#stop.signal });
    this.#world.journal.note(this.name, 'has ended its run');
  }

  async stop(): Promise<void> {
    this.#world.journal.note(this.name, 'is stopped');
    await this.process.run(async () => {
      this.#stop.abort();
      await this.#member.multiOutbox.close();
    });
    this.#world.journal.note(this.name, 'has closed');
  }
}
