import type { Resource } from '../../support/bicep.ts';
import type { Evaluated } from './evaluated.test.ts';

export function describeBudget(evaluated: () => Evaluated): void {
  const budgets = (resources: Resource[]) => resources.filter(({ type }) => type.endsWith('/budgets'));

  test('the start of the budget is the given date, so it is the same in every month', async () => {
    const { bicep } = evaluated();
    const [budget] = budgets(await bicep.evaluate({ monthlyBudget: '100', budgetStartDate: "'2026-01-01'" }));
    expect(budget!.properties).toMatchObject({ amount: 100, timePeriod: { startDate: '2026-01-01' } });
    expect(JSON.stringify(await bicep.compile('main.bicep'))).not.toMatch(/utcNow|newGuid/i);
  });

  test('without a start date, or without an amount, there is no budget', async () => {
    const { bicep, dev } = evaluated();
    expect(budgets(dev)).toEqual([]);
    expect(budgets(await bicep.evaluate({ monthlyBudget: '100', budgetStartDate: "''" }))).toEqual([]);
    expect(budgets(await bicep.evaluate({ monthlyBudget: '100' }))).toEqual([]);
    expect(budgets(await bicep.evaluate({ budgetStartDate: "'2026-01-01'" }))).toEqual([]);
  });

  test('prod: the amount and the start come from variables', () => {
    expect(budgets(evaluated().prod).map(({ properties }) => properties)).toEqual([
      expect.objectContaining({ amount: 250, timePeriod: { startDate: '2026-01-01' } }),
    ]);
  });
}
