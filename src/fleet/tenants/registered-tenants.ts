import type { Engine } from '../../engine/engine.ts';
import type { ListTenants, Registry, TenantRecord, TenantStatus } from '../../engine/registry.ts';
import { type TenantInput, tenantDefinition } from './definition.ts';
import { unknownTenant } from './tenant-errors.ts';

/** The tenants of the registry, for people who administer them. */
export interface Tenants {
  /** @throws INVALID_TENANT, TENANT_EXISTS, DATABASE_IN_USE */
  add(tenant: TenantInput): Promise<TenantRecord>;
  /** Replaces the definition. @throws UNKNOWN_TENANT, INVALID_TENANT, DATABASE_IN_USE */
  change(tenant: TenantInput): Promise<TenantRecord>;
  /** @throws UNKNOWN_TENANT */
  get(tenantId: string): Promise<TenantRecord>;
  list(query?: ListTenants): Promise<TenantRecord[]>;
  pause(tenantId: string): Promise<TenantRecord>;
  resume(tenantId: string): Promise<TenantRecord>;
  /** Retires the tenant: it is dispatched no more; its database stays untouched. */
  remove(tenantId: string): Promise<TenantRecord>;
}

/** Where the tenants are: the registry, with the tenants of the user's directory in it. */
interface RegistryAccess {
  ready(): Promise<{ readonly engine: Engine; readonly registry: Registry }>;
  /** Takes in a record that is newer than what this process knows. */
  remember(tenant: TenantRecord): void;
}

/** @param embedded whether a tenant's database is a file unless its definition says otherwise */
export function registeredTenants(access: RegistryAccess, embedded: boolean): Tenants {
  async function remembered(write: Promise<TenantRecord>): Promise<TenantRecord> {
    const tenant = await write;
    access.remember(tenant);
    return tenant;
  }

  async function define(verb: 'add' | 'change', input: TenantInput): Promise<TenantRecord> {
    const definition = tenantDefinition(input, { embedded });
    const { engine, registry } = await access.ready();
    return remembered(registry[verb](definition, engine.databaseKey(definition)));
  }

  async function setStatus(tenantId: string, status: TenantStatus): Promise<TenantRecord> {
    const { registry } = await access.ready();
    return remembered(registry.setStatus(tenantId, status));
  }

  return {
    add: (input) => define('add', input),
    change: (input) => define('change', input),
    async get(tenantId) {
      const { registry } = await access.ready();
      const tenant = await registry.get(tenantId);
      if (tenant === null) throw unknownTenant(tenantId);
      access.remember(tenant);
      return tenant;
    },
    async list(query) {
      const { registry } = await access.ready();
      return registry.list(query);
    },
    pause: (tenantId) => setStatus(tenantId, 'paused'),
    resume: (tenantId) => setStatus(tenantId, 'active'),
    remove: (tenantId) => setStatus(tenantId, 'retired'),
  };
}
