/** A process that takes a lease of its own and works under it (L5). */
import { setTimeout as pause } from 'node:timers/promises';
import type { TenantModel } from '../models/tenant-model.ts';
import type { World } from '../world.ts';
import { type Member, startMember } from './member.ts';

const leaseName = 'nightly-export';

export class LeaseUser {
  readonly member: Member;
  readonly #world: World;
  readonly #name: string;

  constructor(world: World, name: string, until: number) {
    this.#world = world;
    this.#name = name;
    this.member = startMember(world, name);
    void this.member.process.run(() => this.#loop(until));
  }

  async #loop(until: number): Promise<void> {
    const { random, time } = this.#world;
    while (time.now < until) {
      await pause(random.between(100, 1_500));
      try {
        const { tenants } = this.#world;
        // Most of the time all of them want the same lease.
        await this.#work(random.chance(0.7) ? tenants[0]! : random.pick(tenants));
      } catch (error) {
        this.#world.journal.note(this.#name, `lease: ${(error as { code?: string }).code ?? error}`);
      }
    }
  }

  async #work(tenant: TenantModel): Promise<void> {
    const { process, multiOutbox } = this.member;
    const model = tenant.lease(leaseName);
    await multiOutbox.leases(tenant.id).withLease(leaseName, { durationMs: 1_500 }, async (lease) => {
      let isWorking = true;
      model.believes(lease.fence, () => isWorking && process.isUpToDate && !lease.signal.aborted);
      await pause(this.#world.random.pick([50, 800, 4_000]));
      isWorking = false;
    });
  }
}
