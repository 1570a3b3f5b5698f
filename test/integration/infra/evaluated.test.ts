/**
 * The resources that infra/ asks Azure for, as Microsoft's own compiler evaluates them. Skipped without the Bicep CLI:
 * docs/testing.md says how to get it.
 */
import { Bicep, bicepProgram, type Resource } from '../../support/bicep.ts';
import { describeAlerts } from './alerts.ts';
import { describeBudget } from './budget.ts';
import { describeEntra } from './entra.ts';
import { describeOperator } from './operator.ts';
import { describeSequence } from './sequence.ts';
import { describeSizes } from './sizes.ts';
import { describeValues } from './values.ts';

export interface Evaluated {
  readonly bicep: Bicep;
  /** The resources of main.dev.bicepparam. */
  readonly dev: Resource[];
  /** The resources of main.prod.bicepparam. */
  readonly prod: Resource[];
}

/** What an operator, or azd, sets before a deployment. */
const env = {
  AZURE_LOCATION: 'westeurope',
  SQL_ADMINISTRATOR_NAME: 'administrators',
  SQL_ADMINISTRATOR_OBJECT_ID: '11111111-1111-1111-1111-111111111111',
  SQL_ALLOWED_ADDRESS: '203.0.113.7',
  AZURE_PRINCIPAL_ID: '22222222-2222-2222-2222-222222222222',
  AZURE_PRINCIPAL_TYPE: 'ServicePrincipal',
  ALERT_EMAIL: 'operators@example.com',
  MONTHLY_BUDGET: '250',
  BUDGET_START_DATE: '2026-01-01',
  // examples/azure
  BILLING_URL: 'https://billing.example.com/',
};

// The compiler is slow on a busy machine, above all at its first call.
jest.setTimeout(600_000);

(bicepProgram ? describe : describe.skip)('infra, evaluated by the Bicep CLI', () => {
  let bicep: Bicep;
  let evaluated: Evaluated;

  beforeAll(async () => {
    bicep = new Bicep(env);
    evaluated = {
      bicep,
      dev: await bicep.evaluateFile('main.dev.bicepparam'),
      prod: await bicep.evaluateFile('main.prod.bicepparam'),
    };
  });

  afterAll(() => bicep?.close());

  test('the compiler and its linter find nothing', async () => {
    expect(await evaluated.bicep.lint('main.bicep')).toEqual([]);
  });

  test('examples/azure asks for the resources of dev, with a setting of its own', async () => {
    const example = await evaluated.bicep.evaluateExample();
    const types = (resources: Resource[]) => resources.map(({ type }) => type).sort();
    expect(types(example)).toEqual(types(evaluated.dev));
    const settings = example.find(({ name }) => name.endsWith('/appsettings'))!.properties;
    expect(settings).toMatchObject({ BILLING_URL: 'https://billing.example.com/' });
  });

  describe('alerts', () => describeAlerts(() => evaluated));
  describe('budget', () => describeBudget(() => evaluated));
  describe('Entra ID', () => describeEntra(() => evaluated));
  describe('operator', () => describeOperator(() => evaluated));
  describe('sizes', () => describeSizes(() => evaluated));
  describe('values', () => describeValues(() => evaluated));
  describe('writes in sequence', () => describeSequence(() => evaluated));
});
