import type { Resource } from '../../support/bicep.ts';
import type { Evaluated } from './evaluated.test.ts';

const operator = '22222222-2222-2222-2222-222222222222';

export function describeOperator(evaluated: () => Evaluated): void {
  const kinds = (resources: Resource[]) =>
    resources
      .filter(
        ({ type, properties }) => type.endsWith('/roleAssignments') && properties.principalId === operator,
      )
      .map(({ properties }) => properties.principalType);

  test('dev: a service principal that deploys gets the rights of an operator as a service principal', () => {
    expect(kinds(evaluated().dev)).toEqual(Array(3).fill('ServicePrincipal'));
  });

  test.each([
    ["'User'", ['User', 'User', 'User']],
    ["'None'", []],
  ])('the kind %s gives the assignments %j', async (kind, expected) => {
    const resources = await evaluated().bicep.evaluate({
      operatorPrincipalId: `'${operator}'`,
      operatorPrincipalType: kind,
    });
    expect(kinds(resources)).toEqual(expected);
  });

  test('an operator may query the workspace, discard the messages of a poison queue, and write secrets', () => {
    const given = evaluated()
      .dev.filter(({ properties }) => properties?.principalId === operator)
      .map(({ properties }) => properties.roleDefinitionId.split('/').at(-1));
    expect(given.sort()).toEqual([
      '73c42c96-874c-492b-b04d-ab87d138a893', // Log Analytics Reader
      '974c5e8b-45b9-4653-ba55-5f855dd0fb88', // Storage Queue Data Contributor
      'b86a8fe4-44ce-4948-aee5-eccb2c155cd7', // Key Vault Secrets Officer
    ]);
  });

  test('an id without a kind gives no operator', async () => {
    expect(kinds(await evaluated().bicep.evaluate({ operatorPrincipalId: `'${operator}'` }))).toEqual([]);
  });
}
