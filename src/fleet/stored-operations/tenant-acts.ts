/** What an operation does to one tenant itself: what an operator does to one, with the same row in the record of acts (S3). */
import { isDeepStrictEqual } from 'node:util';
import type { TenantRecord } from '../../engine/registry.ts';
import { type ErrorCode, isMultiOutboxError } from '../../errors.ts';
import { refusal } from '../messages/selection.ts';
import { checkedOverrides, type OverridesChange, withOverrides } from '../tenants/overrides.ts';
import type { ByOperator, Tenants } from '../tenants/registered-tenants.ts';
import { tenantNotActive } from '../tenants/tenant-errors.ts';

/** An act on tenants; each is as the call of `tenants` of the same name is. */
export type TenantsActDefinition =
  | {
      /**
       * `wake`: an active tenant is due now. `pause`: an active one is no longer dispatched. `resume`: a paused one is
       * dispatched again.
       */
      readonly act: 'wake' | 'pause' | 'resume';
    }
  | {
      /** Changes the overrides that are named; the others stay. */
      readonly act: 'change-overrides';
      readonly overrides: OverridesChange;
    };

type Acts = Pick<Tenants, 'get' | 'wake' | 'pause' | 'resume' | 'changeOverrides'>;

interface TenantAct {
  /** Whether it would change a tenant that is not retired. */
  isFor(tenant: TenantRecord, overrides: OverridesChange): boolean;
  /** Returns whether the tenant was changed. */
  do(tenants: Acts, tenantId: string, options: ByOperator, overrides: OverridesChange): Promise<boolean>;
}

const hasStatus =
  (status: TenantRecord['status']): TenantAct['isFor'] =>
  (tenant) =>
    tenant.status === status;

const done = async (act: Promise<unknown>) => {
  await act;
  return true;
};

export const tenantActs: Readonly<Record<TenantsActDefinition['act'], TenantAct>> = {
  wake: {
    isFor: hasStatus('active'),
    do: (tenants, id, options) => done(tenants.wake(id, options)),
  },
  pause: {
    isFor: hasStatus('active'),
    do: (tenants, id, options) => done(tenants.pause(id, options)),
  },
  resume: {
    isFor: hasStatus('paused'),
    do: (tenants, id, options) => done(tenants.resume(id, options)),
  },
  'change-overrides': {
    isFor({ overrides: now, unreadable }, change) {
      if (unreadable !== undefined && unreadable.definition.length > 0) return false;
      return !isDeepStrictEqual(withOverrides(now, checkedOverrides('operations', change)), now);
    },
    do: async (tenants, id, options, change) => (await tenants.changeOverrides(id, change, options)).changed,
  },
};

const overridesOf = (act: TenantsActDefinition): OverridesChange =>
  act.act === 'change-overrides' ? act.overrides : {};

/** @throws INVALID_ARGUMENT, INVALID_TENANT */
export function checkedTenantsAct(
  call: string,
  act: TenantsActDefinition['act'],
  overrides: unknown,
): TenantsActDefinition {
  if (act === 'change-overrides')
    return { act, overrides: checkedOverrides(call, overrides as OverridesChange) };
  if (overrides !== undefined) throw refusal(call, `'${act}' takes no overrides; leave it out`);
  return { act };
}

/** Whether an act would change a tenant as it is now. */
export function wouldChange(act: TenantsActDefinition, tenant: TenantRecord): boolean {
  return tenant.status !== 'retired' && tenantActs[act.act].isFor(tenant, overridesOf(act));
}

/**
 * Acts on one tenant, as it is now. A tenant that is already what the act would make of it is left alone.
 * @returns whether it was changed
 * @throws UNKNOWN_TENANT; TENANT_NOT_ACTIVE for one that is retired, and for the wake of one that is paused; the act's errors
 */
export async function actOnTenant(
  tenants: Acts,
  act: TenantsActDefinition,
  tenantId: string,
  options: ByOperator,
): Promise<boolean> {
  const tenant = await tenants.get(tenantId);
  const { status } = tenant;
  if (status === 'retired' || (act.act === 'wake' && status === 'paused')) throw tenantNotActive(tenant);
  const isThere = act.act === 'pause' ? status === 'paused' : act.act === 'resume' && status === 'active';
  if (isThere) return false;
  return tenantActs[act.act].do(tenants, tenantId, options, overridesOf(act));
}

const ofOneTenant: readonly ErrorCode[] = [
  'UNKNOWN_TENANT',
  'TENANT_NOT_ACTIVE',
  'TENANT_CHANGED',
  'INVALID_TENANT',
  'INVALID_ARGUMENT',
  'DATABASE_IN_USE',
];

/** Whether an act's error says nothing about the next tenant. Any other is the registry's, and would be that of each. */
export function isOfOneTenant(error: unknown): boolean {
  return isMultiOutboxError(error, ...ofOneTenant);
}
