import type { TenantRecord } from '../../engine/registry.ts';
import { MultiOutboxError } from '../../errors.ts';

export function unknownTenant(tenantId: string): MultiOutboxError {
  return new MultiOutboxError(
    'UNKNOWN_TENANT',
    `There is no tenant '${tenantId}'. Register it (multi-outbox tenants add ${tenantId}), or look up its id with 'multi-outbox tenants list'.`,
    { tenantId },
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
