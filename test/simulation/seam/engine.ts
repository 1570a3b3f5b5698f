/**
 * The engine that a simulated process gets: the real one, with calls that can go wrong and answers that the models check.
 */
import type { Engine, TenantDatabase } from '../../../src/engine/engine.ts';
import type { LeaseStore } from '../../../src/engine/lease-store.ts';
import type { QueueName } from '../../../src/engine/work-queue.ts';
import type { SimulatedProcess } from '../machine/process.ts';
import type { LeaseModel } from '../models/lease-model.ts';
import type { World } from '../world.ts';
import { Caller } from './call.ts';
import { watchedQueue } from './queue.ts';
import { watchedRegistry } from './registry.ts';

export interface Watched {
  readonly world: World;
  readonly process: SimulatedProcess;
  readonly caller: Caller;
}

export function simulatedEngine(world: World, process: SimulatedProcess): Engine {
  const real = world.engine(process);
  const watched: Watched = { world, process, caller: new Caller(world, process) };
  const open = new OpenHandles(world, process);
  return {
    kind: real.kind,
    openRegistry: () => watchedRegistry(watched, real.openRegistry()),
    openTenant: (address) => {
      const tenant = real.openTenant(address);
      return watchedTenant(watched, tenant, open.opened(tenant.tenantId));
    },
    databaseKey: (address) => real.databaseKey(address),
    fileId: (address) => real.fileId(address),
    close: () => real.close(),
  };
}

/** The tenant databases that a process has open. */
class OpenHandles {
  readonly #world: World;
  readonly #process: SimulatedProcess;
  readonly #open = new Map<string, object>();

  constructor(world: World, process: SimulatedProcess) {
    this.#world = world;
    this.#process = process;
  }

  /** A tenant that nobody changes is open once: who opens it again has given it up while it was in use (F8). Returns what to call at the end. */
  opened(tenantId: string): () => void {
    const handle = {};
    const isChanged = this.#world.knownTenant(tenantId)?.isRedefined !== false;
    if (!isChanged && this.#open.has(tenantId)) {
      this.#world.broken('F8 in use', `${this.#process.name} opens ${tenantId}, which it has open`);
    }
    this.#open.set(tenantId, handle);
    return () => {
      if (this.#open.get(tenantId) === handle) this.#open.delete(tenantId);
    };
  }
}

function watchedTenant(watched: Watched, real: TenantDatabase, closed: () => void): TenantDatabase {
  return {
    tenantId: real.tenantId,
    schema: real.schema,
    leases: watchedLeases(watched, real.tenantId, real.leases),
    queue: (name: QueueName) => watchedQueue(watched, real.tenantId, real.queue(name)),
    close() {
      closed();
      return real.close();
    },
  };
}

/** The leases of users, and what operators do with all leases; runs and plans take theirs by other calls. */
export function watchedLeases({ caller, world }: Watched, target: string, real: LeaseStore): LeaseStore {
  const model = (name: string): LeaseModel | undefined => world.knownTenant(target)?.lease(name);
  return {
    acquire: (request) =>
      caller.call({
        target,
        name: `lease ${request.name} acquire`,
        perform: () => real.acquire(request),
        observe(result) {
          if (result.status === 'acquired')
            model(request.name)?.acquired({ ...request, ...result }, result.expiresInMs);
          return result.status === 'acquired' ? `fence ${result.fence}` : result.status;
        },
        onAnswerLost(result) {
          if (result.status === 'acquired') world.unansweredAcquisitions.add(result.acquisitionId);
        },
      }),
    renew: (lease, durationMs) =>
      caller.call({
        target,
        name: `lease ${lease.name} renew`,
        isOvertaken: () => model(lease.name)?.isLast(lease) === false,
        leaseMs: durationMs,
        perform: () => real.renew(lease, durationMs),
        observe(result) {
          const isRenewed = result.status === 'renewed';
          model(lease.name)?.answered(lease, isRenewed, 'L3 renew');
          if (isRenewed) model(lease.name)?.renewed(result.expiresInMs);
          return `fence ${lease.fence} ${result.status}`;
        },
      }),
    release: (lease) =>
      caller.call({
        target,
        name: `lease ${lease.name} release`,
        // It lasts until it runs out, then.
        onUnreachable: () => world.unansweredAcquisitions.add(lease.acquisitionId),
        perform: () => real.release(lease),
        observe(isReleased) {
          model(lease.name)?.answered(lease, isReleased, 'L3 release');
          if (isReleased) model(lease.name)?.freed();
          return `fence ${lease.fence} ${isReleased}`;
        },
      }),
    list: (query) => caller.call({ target, name: 'leases list', perform: () => real.list(query) }),
  };
}
