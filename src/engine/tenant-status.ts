export const tenantStatuses = ['active', 'paused', 'retired'] as const;
export type TenantStatus = (typeof tenantStatuses)[number];
