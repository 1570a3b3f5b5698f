/** Troubles of the databases: they go away, run full, are restored, and their clocks are set. */
import { setTimeout as pause } from 'node:timers/promises';
import type { TenantModel } from '../models/tenant-model.ts';
import type { World } from '../world.ts';

/** Virtual milliseconds. */
const troubleMs = [400, 3_000, 12_000];
const stepsMs = [1_500, 20_000, 3_600_000, 3_600_000];

export class Environment {
  readonly #world: World;
  readonly #backups = new Map<TenantModel, () => void>();
  #registryBackup: string | undefined;

  constructor(world: World) {
    this.#world = world;
  }

  /** Perhaps something happens to a tenant's database, or to the registry. */
  act(tenant: TenantModel): void {
    const world = this.#world;
    const { faults, databases, journal, registryFile } = world;
    if (faults.strikes('database goes away')) void this.#away(tenant.id);
    if (faults.strikes('registry goes away')) void this.#away('registry');
    if (faults.strikes('disk is full')) void this.#full(tenant);
    for (const [fault, sign] of [
      ['clock steps forward', 1],
      ['clock steps back', -1],
    ] as const) {
      if (!faults.strikes(fault)) continue;
      const isRegistry = faults.random.chance(0.3);
      const ms = sign * faults.random.pick(stepsMs);
      // Where no message waits or is dead, a step of the clock changes little.
      const waiting = world.tenants.filter(({ hasWork }) => hasWork);
      const withDead = world.tenants.filter(({ queues }) => queues.outbox.countIn('dead') > 0);
      const affected = sign < 0 && withDead.length > 0 && faults.random.chance(0.8) ? withDead : waiting;
      if (!isRegistry) world.stepClock(affected.length > 0 ? faults.random.pick(affected) : tenant, ms);
      else {
        databases.stepClock(registryFile, ms);
        world.registry.clockStepped();
        journal.note('world', `clock of the registry steps ${ms} ms`);
      }
    }
    this.#backUpAndRestore(tenant);
  }

  /** Everything answers again. */
  heal(): void {
    const { databases, reachable, tenants } = this.#world;
    reachable.add('registry');
    for (const { id, file } of tenants) {
      reachable.add(id);
      databases.setFull(file, false);
    }
  }

  #backUpAndRestore(tenant: TenantModel): void {
    const { faults, random, databases, registry, registryFile, journal } = this.#world;
    if (random.chance(0.05) && faults.mayStrike('database is restored'))
      this.#backups.set(tenant, tenant.backUp());
    if (random.chance(0.03) && faults.mayStrike('registry is restored'))
      this.#registryBackup = databases.backUp(registryFile);
    const restore = this.#backups.get(tenant);
    if (restore !== undefined && faults.strikes('database is restored')) {
      restore();
      journal.note('world', `${tenant.id} is restored`);
    }
    if (this.#registryBackup !== undefined && faults.strikes('registry is restored')) {
      databases.restore(registryFile, this.#registryBackup);
      registry.restored();
      for (const each of this.#world.tenants) each.isRedefined = true;
      journal.note('world', 'the registry is restored');
    }
  }

  async #away(target: string): Promise<void> {
    const { reachable, faults, journal } = this.#world;
    reachable.delete(target);
    const ms = faults.random.pick(troubleMs);
    this.#world.trouble(target, ms);
    journal.note('world', `${target} goes away`);
    await pause(ms);
    reachable.add(target);
    journal.note('world', `${target} is back`);
  }

  async #full(tenant: TenantModel): Promise<void> {
    const { databases, faults } = this.#world;
    const ms = faults.random.pick(troubleMs);
    this.#world.trouble(tenant.id, ms);
    databases.setFull(tenant.file, true);
    await pause(ms);
    databases.setFull(tenant.file, false);
  }
}
