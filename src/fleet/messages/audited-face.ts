/** The acts on tenants and leases, with their rows in the registry's record (S3). */
import type { AuditedAct } from '../../engine/audit.ts';
import type { TenantRecord } from '../../engine/registry.ts';
import { MultiOutboxError, propertyOf, shownValue } from '../../errors.ts';
import type { Leases } from '../../lease/leases.ts';
import { type NamesOf, optionsOf } from '../../options.ts';
import { type TenantInput, tenantDefinition } from '../tenants/definition.ts';
import { checkedOverrides } from '../tenants/overrides.ts';
import type { ByOperator, ChangeTenant, Tenants } from '../tenants/registered-tenants.ts';
import { type Audited, actorOf } from './audited.ts';

const byNames: NamesOf<ByOperator> = { by: true };
const changeNames: NamesOf<ChangeTenant> = { by: true, expectedVersion: true };

export function auditedTenants(tenants: Tenants, audited: Audited, actor: string): Tenants {
  const act =
    <Changed extends TenantRecord>(
      name: AuditedAct,
      call: string,
      change: (tenantId: string) => Promise<Changed>,
    ) =>
    async (tenantId: string, options: ByOperator = {}) => {
      const { by } = optionsOf(call, options, byNames);
      // An id that is none is refused by the change itself.
      if (typeof tenantId !== 'string') return change(tenantId);
      return audited(
        { actor: actorOf(call, by, actor), act: name, tenantId: tenantId.slice(0, 64), selection: {} },
        () => change(tenantId),
        () => 1,
      );
    };
  return {
    ...tenants,
    async change(tenant, options = {}) {
      const call = 'tenants.change';
      const { by, ...expected } = optionsOf(call, options, changeNames);
      const { id, ...selection } = changedTo(tenant);
      return audited(
        { actor: actorOf(call, by, actor), act: 'tenant-change', tenantId: id, selection },
        () => tenants.change(tenant, expected),
        () => 1,
      );
    },
    async changeOverrides(tenantId, change, options = {}) {
      const call = 'tenants.changeOverrides';
      const { by } = optionsOf(call, options, byNames);
      const overrides = checkedOverrides(call, change);
      if (typeof tenantId !== 'string') return tenants.changeOverrides(tenantId, overrides);
      return audited(
        {
          actor: actorOf(call, by, actor),
          act: 'tenant-change',
          tenantId: tenantId.slice(0, 64),
          selection: { overrides },
        },
        () => tenants.changeOverrides(tenantId, overrides),
        ({ changed }) => (changed ? 1 : 0),
      );
    },
    pause: act('tenant-pause', 'tenants.pause', tenants.pause),
    resume: act('tenant-resume', 'tenants.resume', tenants.resume),
    remove: act('tenant-remove', 'tenants.remove', tenants.remove),
    wake: act('tenant-wake', 'tenants.wake', tenants.wake),
  };
}

/**
 * The definition that the record of acts shows: without tags, which may be many, and without the name of a setting that holds a
 * secret. @throws INVALID_TENANT
 */
function changedTo(tenant: TenantInput) {
  const { auth, tags: _tags, database, ...checked } = tenantDefinition(tenant);
  // Where it has a default, the registry decides about that.
  const named = propertyOf(tenant, 'database') === undefined ? {} : { database };
  return { ...checked, ...named, auth: auth.kind };
}

/** @param released called after an operator has released a lease of this name */
export function auditedLeases(
  leases: Leases,
  tenantId: string | undefined,
  audited: Audited,
  actor: string,
  released: (name: string) => Promise<void>,
): Leases {
  return {
    ...leases,
    async release(name, options = {}) {
      const call = 'leases.release';
      if (typeof name !== 'string')
        throw new MultiOutboxError(
          'INVALID_ARGUMENT',
          `${call}: a lease's name must be text, got ${shownValue(name)}.`,
        );
      const { by } = optionsOf(call, options, byNames);
      return audited(
        {
          actor: actorOf(call, by, actor),
          act: 'lease-release',
          tenantId: tenantId ?? null,
          selection: { name: name.slice(0, 200) },
        },
        async () => {
          const lease = await leases.release(name);
          if (lease !== null) await released(name);
          return lease;
        },
        (lease) => (lease ? 1 : 0),
      );
    },
  };
}
