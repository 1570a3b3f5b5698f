import type { TenantRecord } from '../../engine/registry.ts';
import { MultiOutboxError, shownName } from '../../errors.ts';
import { tenantIdPattern } from './tenant-id.ts';

export function unknownTenant(tenantId: string): MultiOutboxError {
  const remedy = tenantIdPattern.test(tenantId)
    ? `Register it (multi-outbox tenants add ${tenantId}), or look up its id with 'multi-outbox tenants list'.`
    : "No tenant can have this id; look up the ids with 'multi-outbox tenants list'.";
  return new MultiOutboxError('UNKNOWN_TENANT', `There is no tenant '${shownName(tenantId)}'. ${remedy}`, {
    tenantId,
  });
}

/** @throws INVALID_TENANT when the definition in the registry's row cannot be read (Q15) */
export function assertReadable({ id, unreadable }: Pick<TenantRecord, 'id' | 'unreadable'>): void {
  if (unreadable === undefined || unreadable.definition.length === 0) return;
  throw new MultiOutboxError(
    'INVALID_TENANT',
    `Tenant '${id}' cannot be served: the registry's row of it cannot be read in ${unreadable.definition.join(', ')}. Correct the row, or remove the tenant and add it again.`,
    { tenantId: id },
  );
}

export function tenantNotActive({ id, status }: Pick<TenantRecord, 'id' | 'status'>): MultiOutboxError {
  const remedy =
    status === 'paused'
      ? `resume it first (multi-outbox tenants resume ${id})`
      : `add it again (multi-outbox tenants add ${id})`;
  return new MultiOutboxError('TENANT_NOT_ACTIVE', `Tenant '${id}' is ${status}: ${remedy}.`, {
    tenantId: id,
  });
}
