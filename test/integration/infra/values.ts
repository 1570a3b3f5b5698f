import type { Resource } from '../../support/bicep.ts';
import type { Evaluated } from './evaluated.test.ts';

export function describeValues(evaluated: () => Evaluated): void {
  const evaluate = (parameters: Readonly<Record<string, string>>) => evaluated().bicep.evaluate(parameters);
  const one = (resources: Resource[], type: string) =>
    resources.find((resource) => resource.type === type)!.properties;

  test('values of wrong types do not compile', async () => {
    const wrong = evaluate({
      appSettings: '{ MULTI_OUTBOX_RETRY_MAX_ATTEMPTS: 40 }',
      tags: '{ team: 7 }',
      keyVaultSettings: '{ TENANT_A: true }',
      alwaysReady: "[2, { name: 'dispatch', instanceCount: 2 }, { name: 'http', instanceCount: 0 }]",
      sqlAllowedAddresses: "[{ name: 'office', start: '203.0.113.7' }]",
      operatorPrincipalType: "'user'",
    });
    const message = await wrong.then(
      () => 'It compiled.',
      (error: Error) => error.message,
    );
    for (const said of [
      /"MULTI_OUTBOX_RETRY_MAX_ATTEMPTS" expected a value of type "string"/,
      /"team" expected a value of type "string"/,
      /"TENANT_A" expected a value of type "string"/,
      /expected an item of type "\{ name: .*instanceCount: int \}", but the provided item was of type "2"/,
      /'function:dispatch'.* but the provided value is of type "'dispatch'"/,
      /minimum allowable value is 1/,
      /missing the following required properties: "end"/,
      /'None' \| 'ServicePrincipal' \| 'User'" but the provided value is of type "'user'"/,
    ]) {
      expect(message).toMatch(said);
    }
  });

  test('what Azure would refuse later is refused before the first resource, all of it in one message', async () => {
    const refused = evaluate({
      environmentName: "'prod(2).eu'",
      privateNetwork: 'true',
      addressPrefix: "'10.0.0.0/26'",
      zoneRedundant: 'true',
      registrySku: "'S0'",
      alwaysReady: "[{ name: 'http', instanceCount: 1 }]",
      openPaths: "['api/health/live', '/API/console']",
      budgetStartDate: "'2026-13-01'",
      entraClientId: "'55555555-5555-5555-5555-555555555555'",
    });
    for (const said of [
      'environmentName may have only letters, digits, dashes and underscores',
      'it is "prod(2).eu"',
      'addressPrefix must be an IPv4 range of /25 or larger',
      'registrySku S0 cannot be spread over zones',
      'alwaysReady needs at least two instances',
      'openPaths must begin with a slash',
      'openPaths must not contain /api/console',
      'budgetStartDate must be the first day of a month',
      'entraAllowedClientIds is empty, which would admit every application of the directory',
    ]) {
      await expect(refused).rejects.toThrow(said);
    }
  });

  test('IPv6, and a Hyperscale registry over zones without backups in zones, are refused', async () => {
    const refused = evaluate({
      privateNetwork: 'true',
      addressPrefix: "'fd00::/48'",
      zoneRedundant: 'true',
      registrySku: "'HS_Gen5_2'",
    });
    await expect(refused).rejects.toThrow('it is fd00::/48');
    await expect(refused).rejects.toThrow('registryBackupRedundancy must be Zone or GeoZone');
  });

  test.each(['2026-01-15', '2026-00-01', '2026/01-01', '0026-01-01', 'soon'])(
    'a budget that starts at %s is refused',
    async (budgetStartDate) => {
      await expect(evaluate({ budgetStartDate: `'${budgetStartDate}'` })).rejects.toThrow(
        'budgetStartDate must be the first day of a month',
      );
    },
  );

  test.each([
    ['GP_S_Gen5_1', 0.5],
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

  test('no name has a word that Azure reserves, which azd reports as a failure to come', () => {
    const words = /microsoft|windows|(^|\/)login/i;
    for (const resources of [evaluated().dev, evaluated().prod]) {
      // Names of DNS zones are Azure's. A name that only Azure knows is an expression: the GUID of a role assignment.
      const named = resources
        .filter(({ type }) => !type.startsWith('Microsoft.Network/privateDnsZones'))
        .map(({ name }) => name)
        .filter((name) => !name.startsWith('['));
      expect(named.filter((name) => words.test(name))).toEqual([]);
    }
  });

  test('prod: nobody can purge the key vault; dev: `azd down --purge` can', () => {
    const { dev, prod } = evaluated();
    expect(one(prod, 'Microsoft.KeyVault/vaults').enablePurgeProtection).toBe(true);
    // Azure refuses false.
    expect(one(dev, 'Microsoft.KeyVault/vaults').enablePurgeProtection ?? null).toBeNull();
  });

  test('the workspace gets logs of the platform, and none of its metrics, which nothing reads there', () => {
    for (const resources of [evaluated().dev, evaluated().prod]) {
      const settings = resources.filter(({ type }) => type === 'Microsoft.Insights/diagnosticSettings');
      const logs = settings.map(({ properties }) => properties.logs.length > 0);
      expect(logs).toEqual([true, true]);
      expect(settings.flatMap(({ properties }) => properties.metrics ?? [])).toEqual([]);
    }
  });

  test('the host gets the connection string of Application Insights, or the app only', async () => {
    const strings = (resources: Resource[]) => {
      const settings = resources.find(({ name }) => name.endsWith('/appsettings'))!.properties;
      return [
        settings.APPLICATIONINSIGHTS_CONNECTION_STRING,
        settings.APP_APPLICATIONINSIGHTS_CONNECTION_STRING,
      ];
    };
    const connectionString = expect.stringContaining('ConnectionString');
    expect(strings(evaluated().prod)).toEqual([connectionString, '']);
    expect(strings(await evaluate({ hostTelemetry: 'false' }))).toEqual(['', connectionString]);
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
