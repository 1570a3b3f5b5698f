import type { Resource } from '../../support/bicep.ts';
import type { Evaluated } from './evaluated.test.ts';

const minutes = (duration: string) => {
  const [, hours = '0', rest = '0'] = /^PT(?:(\d+)H)?(?:(\d+)M)?$/.exec(duration)!;
  return Number(hours) * 60 + Number(rest);
};

export function describeAlerts(evaluated: () => Evaluated): void {
  const rules = (resources: Resource[]) =>
    resources.filter(({ type }) => type.endsWith('/scheduledQueryRules'));
  const all = () => [...rules(evaluated().dev), ...rules(evaluated().prod)];

  test('rules, disabled ones too, are created before the tables that they query exist', () => {
    const enabled = all().map(({ properties }) => properties.enabled);
    expect(enabled).toEqual([...Array(6).fill(false), ...Array(6).fill(true)]);
    for (const { name, properties } of all()) {
      expect([name, properties.skipQueryValidation]).toEqual([name, true]);
      // One source of the union always exists, so the query does not fail, and Azure does not disable the rule after a week.
      expect(properties.criteria.allOf[0].query).toMatch(
        /^union isfuzzy=true AppMetrics, \(datatable\(TimeGenerated: datetime, .+?\)\[\]\) \| where /,
      );
    }
  });

  test('rules read metrics only, which are never sampled, and none by tenant, so that none overlooks a tenant', () => {
    for (const { properties } of all()) {
      const { query } = properties.criteria.allOf[0];
      expect(query.match(/\bApp[A-Z]\w+/g)).toEqual(['AppMetrics']);
      expect(query).not.toContain('tenant.id');
    }
  });

  test('no rule runs every minute, because such a rule may not have a union', () => {
    for (const { name, properties } of all()) {
      expect([name, minutes(properties.evaluationFrequency)]).toEqual([name, expect.any(Number)]);
      expect(minutes(properties.evaluationFrequency)).toBeGreaterThanOrEqual(5);
    }
  });

  test('an event that arrives ten minutes late is still inside the window of an evaluation', () => {
    for (const { name, properties } of all()) {
      const late = minutes(properties.windowSize) - minutes(properties.evaluationFrequency);
      expect([name, late >= 10]).toEqual([name, true]);
    }
  });

  test('the columns of the empty table are all that a query reads', () => {
    for (const { properties } of all()) {
      const [, columns, rest] = /datatable\((.+?)\)\[\]\) (.*)$/.exec(properties.criteria.allOf[0].query)!;
      const known = columns!.split(', ').map((column) => column.split(':')[0]!);
      const made = [...rest!.matchAll(/(\w+) = /g)].map(([, name]) => name!);
      const words = rest!.replaceAll(/"[^"]*"/g, '').match(/\b[A-Z]\w+/g)!;
      expect(words.filter((word) => !known.includes(word) && !made.includes(word))).toEqual([]);
    }
  });
}
