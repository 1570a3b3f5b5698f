import type { Evaluated } from './evaluated.test.ts';

const api = '55555555-5555-5555-5555-555555555555';
const caller = '66666666-6666-6666-6666-666666666666';

export function describeEntra(evaluated: () => Evaluated): void {
  const authentication = async (parameters: Readonly<Record<string, string>>) =>
    (await evaluated().bicep.evaluate(parameters)).filter(({ name }) => name.endsWith('/authsettingsV2'));

  test('only the listed applications may call, with a token of version 2', async () => {
    const [settings] = await authentication({
      entraClientId: `'${api}'`,
      entraAllowedClientIds: `['${caller}']`,
    });
    const { globalValidation, identityProviders } = settings!.properties;
    expect(globalValidation).toMatchObject({
      requireAuthentication: true,
      unauthenticatedClientAction: 'Return401',
    });
    const { registration, validation } = identityProviders.azureActiveDirectory;
    expect(registration).toEqual({ clientId: api, openIdIssuer: expect.stringContaining('/v2.0') });
    expect(validation).toEqual({
      // The audience of a token of version 2 is the client id; that of a token of version 1 could be api://<client id>.
      allowedAudiences: [api],
      defaultAuthorizationPolicy: { allowedApplications: [caller] },
    });
  });

  test('without an application there is no authentication but the function key', async () => {
    expect(await authentication({})).toEqual([]);
  });
}
