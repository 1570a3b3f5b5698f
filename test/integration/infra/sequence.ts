import type { Value } from '../../support/bicep.ts';
import type { Evaluated } from './evaluated.test.ts';

export function describeSequence(evaluated: () => Evaluated): void {
  const resources = async (file: string): Promise<Value[]> =>
    Object.values((await evaluated().bicep.compile(file)).resources);

  test('private endpoints are created one at a time (compiled template: Azure runs the loop)', async () => {
    const endpoints = (await resources('modules/private-access.bicep')).filter(({ copy }) => copy);
    expect(endpoints.map(({ type, copy }) => [type, copy.mode, copy.batchSize])).toEqual([
      ['Microsoft.Resources/deployments', 'serial', 1],
    ]);
  });

  test('prod: three of the endpoints are on one storage account', () => {
    const endpoints = evaluated().prod.filter(({ type }) => type === 'Microsoft.Network/privateEndpoints');
    const targets = endpoints.map(
      ({ properties }) => properties.privateLinkServiceConnections[0].properties.privateLinkServiceId,
    );
    expect(targets).toHaveLength(5);
    expect(new Set(targets).size).toBe(3);
  });

  test('the policies of the site are written one after another (compiled template: Azure orders the writes)', async () => {
    const policies = (await resources('modules/function-app.bicep')).filter(({ type }) =>
      type.endsWith('/basicPublishingCredentialsPolicies'),
    );
    expect(policies.map(({ copy }) => copy)).toEqual([undefined, undefined]);
    const [ftp, scm] = policies;
    expect([JSON.stringify(ftp.dependsOn), JSON.stringify(scm.dependsOn)]).toEqual([
      expect.not.stringMatching(/ftp|scm/i),
      expect.stringMatching(/ftp/i),
    ]);
  });

  test('settings wait for the site, and its authentication for the settings (compiled template: Azure orders the writes)', async () => {
    const modules = await resources('main.bicep');
    const waitsFor = (name: string) =>
      JSON.stringify(modules.find((resource) => resource.name === name).dependsOn);
    expect(waitsFor('settings')).toMatch(/function-?app/i);
    expect(waitsFor('easy-auth')).toMatch(/settings/);
  });
}
