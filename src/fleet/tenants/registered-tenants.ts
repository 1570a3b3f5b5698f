import { isDeepStrictEqual } from 'node:util';
import type { Engine } from '../../engine/engine.ts';
import type { ListTenants, Registry, TenantDefinition, TenantRecord } from '../../engine/registry.ts';
import { type TenantStatus, tenantStatuses } from '../../engine/tenant-status.ts';
import { isMultiOutboxError, MultiOutboxError, shownValue } from '../../errors.ts';
import { type NamesOf, optionsOf } from '../../options.ts';
import { changeAsRead } from './change-as-read.ts';
import { definitionOf, type TenantInput, tenantDefinition } from './definition.ts';
import { checkedOverrides, type OverridesChange, withOverrides } from './overrides.ts';
import { unknownTenant } from './tenant-errors.ts';

/** The administration of the registry's tenants. */
export interface Tenants {
  /**
   * Registers a tenant, active and due now; a retired one with this id comes back with the new definition. Its database still
   * needs `migrate`. @throws INVALID_TENANT, TENANT_EXISTS, DATABASE_IN_USE
   */
  add(tenant: TenantInput): Promise<TenantRecord>;
  /**
   * Replaces the definition. Give `expectedVersion` when the definition is made from one that was read: otherwise a change that
   * another caller made meanwhile is lost.
   * @throws UNKNOWN_TENANT, INVALID_TENANT, DATABASE_IN_USE, TENANT_CHANGED
   */
  change(tenant: TenantInput, options?: ChangeTenant): Promise<TenantRecord>;
  /**
   * Changes some of a tenant's overrides; the others, and the rest of the definition, stay, also what another caller changes
   * at the same time. A tenant that has these values already is not written.
   * @throws UNKNOWN_TENANT, INVALID_ARGUMENT, INVALID_TENANT; TENANT_CHANGED when a program keeps changing the tenant
   */
  changeOverrides(
    tenantId: string,
    change: OverridesChange,
    options?: ByOperator,
  ): Promise<TenantWithOverrides>;
  /** @throws UNKNOWN_TENANT */
  get(tenantId: string): Promise<TenantRecord>;
  /** Sorted by id; retired ones too, unless `status` says otherwise. @throws INVALID_ARGUMENT */
  list(query?: ListTenants): Promise<TenantRecord[]>;
  /** Stops the tenant's dispatch until an operator resumes it; its messages stay. @throws UNKNOWN_TENANT */
  pause(tenantId: string, options?: ByOperator): Promise<TenantRecord>;
  /** Makes a paused tenant active, and due now; `add` brings back a retired one. @throws UNKNOWN_TENANT */
  resume(tenantId: string, options?: ByOperator): Promise<TenantRecord>;
  /** Retires the tenant: it is no longer dispatched, and its database is not touched. @throws UNKNOWN_TENANT */
  remove(tenantId: string, options?: ByOperator): Promise<TenantRecord>;
  /**
   * As `wake` of the multi-outbox, but an operator's act with a row in the record of acts.
   * @throws UNKNOWN_TENANT, TENANT_NOT_ACTIVE
   */
  wake(tenantId: string, options?: ByOperator): Promise<WokenTenant>;
}

/** A tenant after its wake. */
export interface WokenTenant extends TenantRecord {
  /**
   * Whether a run was in flight already: the tenant is due when that run has ended, or at `schedule.nextDueUtc` if the run
   * is lost.
   */
  readonly inFlight: boolean;
}

/** A tenant after a change to its overrides. */
export interface TenantWithOverrides extends TenantRecord {
  /**
   * Whether the call changed it: false when it had these values already. It may be true when another caller made the same
   * change at that moment.
   */
  readonly changed: boolean;
}

/** Who acts, for the record of acts. */
export interface ByOperator {
  /** At most 200 characters. Default: the option `actor` of `createMultiOutbox`. */
  readonly by?: string;
}

export interface ChangeTenant extends ByOperator {
  /**
   * The `version` of the record that was read. If the tenant has changed since, nothing is written, unless it has the new
   * definition already. Default: whatever the tenant is now is replaced.
   */
  readonly expectedVersion?: number;
}

/** Access to the registry, once the user's directory is in it. */
interface RegistryAccess {
  ready(): Promise<{ readonly engine: Engine; readonly registry: Registry }>;
  /** Stores a tenant's record in this process's directory. */
  remember(tenant: TenantRecord): void;
}

/** @param embedded whether a tenant's database is a file unless its definition says otherwise */
export function registeredTenants(access: RegistryAccess, embedded: boolean): Omit<Tenants, 'wake'> {
  async function remembered(write: Promise<TenantRecord>): Promise<TenantRecord> {
    const tenant = await write;
    access.remember(tenant);
    return tenant;
  }

  async function add(input: TenantInput): Promise<TenantRecord> {
    const definition = tenantDefinition(input, { embedded });
    const { engine, registry } = await access.ready();
    return remembered(registry.add(definition, engine.databaseKey(definition)));
  }

  async function change(input: TenantInput, { expectedVersion }: ChangeTenant = {}): Promise<TenantRecord> {
    checkVersion(expectedVersion);
    const definition = tenantDefinition(input, { embedded });
    const { engine, registry } = await access.ready();
    const changed = registry.change(definition, engine.databaseKey(definition), expectedVersion);
    return remembered(
      changed.catch(async (error) => {
        // An engine repeats a call whose answer was lost, and finds its own change. Where the tenant is as it should be, no
        // other change is lost.
        const now = isMultiOutboxError(error, 'TENANT_CHANGED') ? await registry.get(definition.id) : null;
        if (now !== null && isDefinedAs(now, definition)) return now;
        throw error;
      }),
    );
  }

  async function get(tenantId: string): Promise<TenantRecord> {
    checkId(tenantId);
    const { registry } = await access.ready();
    const tenant = await registry.get(tenantId);
    if (tenant === null) throw unknownTenant(tenantId);
    access.remember(tenant);
    return tenant;
  }

  async function changeOverrides(tenantId: string, given: OverridesChange): Promise<TenantWithOverrides> {
    const wanted = checkedOverrides('tenants.changeOverrides', given);
    let read = await get(tenantId);
    const changed = await changeAsRead({ get, change }, read, (tenant) => {
      read = tenant;
      const definition = definitionOf(tenant);
      const overrides = withOverrides(definition.overrides, wanted);
      return isDeepStrictEqual(overrides, definition.overrides) ? null : { ...definition, overrides };
    });
    return { ...(changed ?? read), changed: changed !== null };
  }

  async function setStatus(tenantId: string, status: TenantStatus): Promise<TenantRecord> {
    checkId(tenantId);
    const { registry } = await access.ready();
    return remembered(registry.setStatus(tenantId, status));
  }

  return {
    add,
    change,
    changeOverrides,
    get,
    async list(query = {}) {
      checkQuery(optionsOf('tenants.list', query, queryNames));
      const { registry } = await access.ready();
      return registry.list(query);
    },
    pause: (tenantId) => setStatus(tenantId, 'paused'),
    resume: (tenantId) => setStatus(tenantId, 'active'),
    remove: (tenantId) => setStatus(tenantId, 'retired'),
  };
}

function isDefinedAs(tenant: TenantRecord, definition: TenantDefinition): boolean {
  return tenant.unreadable === undefined && isDeepStrictEqual(definitionOf(tenant), definition);
}

const queryNames: NamesOf<ListTenants> = { status: true, parked: true, after: true, limit: true };

function checkId(tenantId: unknown): void {
  if (typeof tenantId === 'string') return;
  throw new MultiOutboxError('INVALID_ARGUMENT', `A tenant's id must be text, got ${shownValue(tenantId)}.`);
}

function checkVersion(version: unknown): void {
  if (version === undefined || (Number.isSafeInteger(version) && (version as number) >= 0)) return;
  throw new MultiOutboxError(
    'INVALID_ARGUMENT',
    `tenants.change: 'expectedVersion' must be the version of a tenant that was read, got ${shownValue(version)}.`,
  );
}

/** A misspelt status would list no tenant, as if there were none. */
function checkQuery({ status, after, limit }: ListTenants): void {
  const refuse = (name: string, rule: string, value: unknown) => {
    throw new MultiOutboxError(
      'INVALID_ARGUMENT',
      `tenants.list: '${name}' must be ${rule}, got ${shownValue(value)}.`,
    );
  };
  if (status !== undefined && !tenantStatuses.includes(status))
    refuse('status', `one of ${tenantStatuses.join(', ')}`, status);
  if (after !== undefined && typeof after !== 'string') refuse('after', 'the id of a tenant', after);
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit >= 0))
    refuse('limit', 'a whole number from 0', limit);
}
