import type { Resource } from '../../support/bicep.ts';
import type { Evaluated } from './evaluated.test.ts';

export function describeValues(evaluated: () => Evaluated): void {
  const evaluate = (parameters: Readonly<Record<string, string>>) => evaluated().bicep.evaluate(parameters);
  const one = (resources: Resource[], type: string) =>
    resources.find((resource) => resource.type === type)!.properties;

  test.each([
    [
      'a number as an app setting',
      { appSettings: '{ MULTI_OUTBOX_RETRY_MAX_ATTEMPTS: 40 }' },
      /"string".*"40"/,
    ],
    ['a number as a tag', { tags: '{ team: 7 }' }, /"string".*"7"/],
    ['a list as a setting of the key vault', { keyVaultSettings: "{ TENANT_A: ['a'] }" }, /"string"/],
    ['always ready instances by count only', { alwaysReady: '[2]' }, /"alwaysReadyInstances"|instanceCount/],
    [
      'always ready instances of an unknown function',
      { alwaysReady: "[{ name: 'dispatch', instanceCount: 2 }]" },
      /'function:dispatch'/,
    ],
    ['no always ready instance', { alwaysReady: "[{ name: 'http', instanceCount: 0 }]" }, /\b1\b/],
    [
      'an address without its end',
      { sqlAllowedAddresses: "[{ name: 'office', start: '203.0.113.7' }]" },
      /"end"/,
    ],
    ['a kind of operator that does not exist', { operatorPrincipalType: "'user'" }, /'User'/],
  ])('%s does not compile', async (_what, parameters, message) => {
    await expect(evaluate(parameters as Record<string, string>)).rejects.toThrow(message);
  });

  test.each([
    ['a name with a dot', { environmentName: "'prod.eu'" }, 'environmentName may have only letters'],
    ['a name with parentheses, which azd accepts', { environmentName: "'prod(2)'" }, 'it is "prod(2)"'],
    [
      'a registry that cannot be spread',
      { zoneRedundant: 'true', registrySku: "'S0'" },
      'registrySku S0 cannot be spread over zones',
    ],
    [
      'Hyperscale over zones with backups in one',
      { zoneRedundant: 'true', registrySku: "'HS_Gen5_2'", registryBackupRedundancy: "'Geo'" },
      'registryBackupRedundancy must be Zone or GeoZone',
    ],
    [
      'one always ready instance over zones',
      { zoneRedundant: 'true', alwaysReady: "[{ name: 'http', instanceCount: 1 }]" },
      'alwaysReady needs at least two',
    ],
    [
      'a range that is too small',
      { privateNetwork: 'true', addressPrefix: "'10.0.0.0/26'" },
      'it is 10.0.0.0/26',
    ],
    ['a range of IPv6', { privateNetwork: 'true', addressPrefix: "'fd00::/48'" }, 'it is fd00::/48'],
    ['a path without a slash', { openPaths: "['api/health/live']" }, 'openPaths must begin with a slash'],
    ['a budget from the middle of a month', { budgetStartDate: "'2026-01-15'" }, 'it is 2026-01-15'],
  ])('%s is refused before a resource is made', async (_what, parameters, message) => {
    await expect(evaluate(parameters as Record<string, string>)).rejects.toThrow(message);
  });

  test.each([
    ['GP_S_Gen5_1', 0.5],
    ['GP_S_Gen5_4', 0.5],
    ['GP_S_Gen5_6', 0.75],
    ['GP_S_Gen5_10', 1.25],
  ])(
    'a serverless registry of %s has the least capacity that Azure accepts for it, and never pauses',
    async (sku, least) => {
      const registry = one(await evaluate({ registrySku: `'${sku}'` }), 'Microsoft.Sql/servers/databases');
      expect(registry).toMatchObject({ minCapacity: least, autoPauseDelay: -1 });
    },
  );

  test('the host gets storage by URIs of the cloud that is deployed to, and the account has no local users', () => {
    for (const resources of [evaluated().dev, evaluated().prod]) {
      const settings = resources.find(({ name }) => name.endsWith('/appsettings'))!.properties;
      for (const service of ['blob', 'queue', 'table']) {
        expect(settings[`AzureWebJobsStorage__${service}ServiceUri`]).toMatch(`primaryEndpoints.${service}`);
      }
      expect(settings).not.toHaveProperty('AzureWebJobsStorage__accountName');
      expect(one(resources, 'Microsoft.Storage/storageAccounts').isLocalUserEnabled).toBe(false);
      expect(JSON.stringify(resources)).not.toMatch(/core\.windows\.net|database\.windows\.net/);
    }
  });

  test('an audit, and no public HTTP, on request', async () => {
    const { dev } = evaluated();
    expect(dev.filter(({ type }) => type.endsWith('/auditingSettings'))).toEqual([]);
    expect(one(dev, 'Microsoft.Web/sites').siteConfig.ipSecurityRestrictionsDefaultAction).toBe('Allow');
    const closed = await evaluate({ auditSql: 'true', publicHttp: 'false' });
    expect(one(closed, 'Microsoft.Web/sites').siteConfig).toMatchObject({
      ipSecurityRestrictionsDefaultAction: 'Deny',
      scmIpSecurityRestrictionsDefaultAction: 'Allow',
    });
    const audit = one(closed, 'Microsoft.Sql/servers/auditingSettings');
    expect(audit).toMatchObject({ state: 'Enabled', isAzureMonitorTargetEnabled: true });
    expect(audit.auditActionsAndGroups).not.toContain('BATCH_COMPLETED_GROUP');
    const logs = closed.flatMap(({ properties }) => properties?.logs ?? []);
    expect(logs).toContainEqual({ category: 'SQLSecurityAuditEvents', enabled: true });
  });
}
