/** Counts calls to the registry and to tenants' databases as they pass through the engine interface. */
import type { Engine, TenantAddress, TenantDatabase } from '../src/engine/engine.ts';
import { engineFor } from '../src/fleet/engines.ts';
import { loadSettings } from '../src/index.ts';

/** Calls by tenant, of the work queues, the leases and the schema. */
export type CallCounts = ReadonlyMap<string, number>;

export interface Calls {
  readonly byTenant: CallCounts;
  /** How many calls to the registry there were so far. */
  readonly toRegistry: number;
}

/**
 * Counts every call to the registry and to tenants' databases while `action` runs, in every engine of the registry's kind.
 * It patches the engine's class, so that everything between the library's public interface and the engine interface is the
 * real code.
 */
export async function countCalls(
  registry: string,
  action: (calls: Calls) => Promise<void>,
): Promise<CallCounts> {
  const byTenant = new Map<string, number>();
  const calls = { byTenant, toRegistry: 0 };
  const engine = await engineFor(registry, loadSettings({ registry }));
  await engine.close();
  const kind = Object.getPrototypeOf(engine) as Partial<Pick<Engine, 'openTenant' | 'openRegistry'>>;
  const { openTenant, openRegistry } = kind;
  if (openTenant === undefined || openRegistry === undefined)
    throw new Error(`The ${engine.kind} engine has no class to count by.`);
  kind.openTenant = function (this: Engine, address: TenantAddress) {
    const count = () => byTenant.set(address.id, (byTenant.get(address.id) ?? 0) + 1);
    return counted(openTenant.call(this, address), count);
  };
  kind.openRegistry = function (this: Engine) {
    return telling(openRegistry.call(this), () => calls.toRegistry++);
  };
  try {
    await action(calls);
  } finally {
    Object.assign(kind, { openTenant, openRegistry });
  }
  return byTenant;
}

function counted(database: TenantDatabase, onCall: () => void): TenantDatabase {
  return {
    tenantId: database.tenantId,
    schema: telling(database.schema, onCall),
    leases: telling(database.leases, onCall),
    queue: (name) => telling(database.queue(name), onCall),
    close: () => database.close(),
  };
}

/** Calls `onCall` for every method call. */
function telling<T extends object>(told: T, onCall: () => void): T {
  return new Proxy(told, {
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
