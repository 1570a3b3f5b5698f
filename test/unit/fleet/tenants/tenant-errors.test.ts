import {
  assertReadable,
  tenantNotActive,
  unknownTenant,
} from '../../../../src/fleet/tenants/tenant-errors.ts';

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

test('F9: the error of an id that no tenant can have does not say to register it', () => {
  expect(unknownTenant('acme').message).toBe(
    "There is no tenant 'acme'. Register it (multi-outbox tenants add acme), or look up its id with 'multi-outbox tenants list'.",
  );
  expect(unknownTenant('No Such').message).toBe(
    "There is no tenant 'No Such'. No tenant can have this id; look up the ids with 'multi-outbox tenants list'.",
  );
});

test('Q15: a tenant whose definition cannot be read is refused, with the columns to correct', () => {
  const given = (...definition: string[]) => ({
    id: 'acme',
    unreadable: { definition, schedule: ['Totals'] },
  });
  expect(() => assertReadable(given('Tags'))).toThrow(
    expect.objectContaining({
      code: 'INVALID_TENANT',
      tenantId: 'acme',
      message:
        "Tenant 'acme' cannot be served: the registry's row of it cannot be read in Tags. Correct the row, or remove the tenant and add it again.",
    }),
  );
  expect(() => assertReadable(given('Auth', 'Tags'))).toThrow('cannot be read in Auth, Tags.');
});

test('Q15: a tenant is served if its row can be read, or all of it but its schedule', () => {
  assertReadable({ id: 'acme' });
  assertReadable({ id: 'acme', unreadable: { definition: [], schedule: ['Totals'] } });
});
