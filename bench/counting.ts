/** Counts calls to an engine, call by call as they cross the seam. */
import type { Engine, TenantAddress, TenantDatabase } from '../src/engine/engine.ts';

/** Calls by tenant: of the work queue, the leases and the schema alike. */
export type CallCounts = Map<string, number>;

/** The engine itself, but for counting what is asked of tenants' databases. */
export function countingEngine(engine: Engine, counts: CallCounts): Engine {
  return {
    kind: engine.kind,
    openRegistry: () => engine.openRegistry(),
    openTenant: (address) => countingTenant(engine.openTenant(address), address, counts),
    databaseKey: (address) => engine.databaseKey(address),
    close: () => engine.close(),
  };
}

function countingTenant(database: TenantDatabase, { id }: TenantAddress, counts: CallCounts): TenantDatabase {
  const count = () => counts.set(id, (counts.get(id) ?? 0) + 1);
  return {
    tenantId: database.tenantId,
    schema: counting(database.schema, count),
    leases: counting(database.leases, count),
    queue: (name) => counting(database.queue(name), count),
    close: () => database.close(),
  };
}

/** `onCall` is told of every call of a method. */
function counting<T extends object>(counted: T, onCall: () => void): T {
  return new Proxy(counted, {
    get(target, key) {
      const member: unknown = Reflect.get(target, key, target);
      if (typeof member !== 'function') return member;
      return (...values: unknown[]) => {
        onCall();
        return member.apply(target, values);
      };
    },
  });
}
