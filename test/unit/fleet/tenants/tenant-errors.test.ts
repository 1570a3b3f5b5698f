import { tenantNotActive, unknownTenant } from '../../../../src/fleet/tenants/tenant-errors.ts';

test.each([
  ['paused', 'resume it first (multi-outbox tenants resume acme)'],
  ['retired', 'add it again (multi-outbox tenants add acme)'],
] as const)('F9: a %s tenant’s error names the command that helps', (status, remedy) => {
  expect(tenantNotActive({ id: 'acme', status })).toMatchObject({
    code: 'TENANT_NOT_ACTIVE',
    tenantId: 'acme',
    message: `Tenant 'acme' is ${status}: ${remedy}.`,
  });
});

test('F9: an unknown tenant’s error names the id', () => {
  expect(unknownTenant('acme')).toMatchObject({ code: 'UNKNOWN_TENANT', tenantId: 'acme' });
});
