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
    expect(kinds(evaluated().dev)).toEqual(['ServicePrincipal', 'ServicePrincipal']);
  });

  test.each([
    ["'User'", ['User', 'User']],
    ["'None'", []],
  ])('the kind %s gives the assignments %j', async (kind, expected) => {
    const resources = await evaluated().bicep.evaluate({
      operatorPrincipalId: `'${operator}'`,
      operatorPrincipalType: kind,
    });
    expect(kinds(resources)).toEqual(expected);
  });

  test('an id without a kind gives no operator', async () => {
    expect(kinds(await evaluated().bicep.evaluate({ operatorPrincipalId: `'${operator}'` }))).toEqual([]);
  });
}
