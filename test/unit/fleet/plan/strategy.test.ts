import { checkedStrategy, type Strategy } from '../../../../src/fleet/plan/strategy.ts';
import { candidate } from '../../../support/candidate.ts';

const refused = (given: unknown) => {
  try {
    checkedStrategy(given as Strategy);
  } catch (error) {
    return error;
  }
  throw new Error('nothing was refused');
};

describe("a user's strategy (F4)", () => {
  test('F4: it is called with what the plan gives, as a method of its own object', () => {
    const given = [candidate('a'), candidate('b')];
    const calls: unknown[] = [];
    const strategy: Strategy & { readonly first: number } = {
      name: 'mine',
      order: 'priority',
      first: 1,
      choose(...received) {
        calls.push(received);
        return received[0].slice(this.first);
      },
    };
    const checked = checkedStrategy(strategy);
    expect(checked).toMatchObject({ name: 'mine', order: 'priority' });
    expect(checked.choose(given, 5, 7)).toEqual([given[1]]);
    expect(calls).toEqual([[given, 5, 7]]);
  });

  test('F4: it needs no order', () => {
    expect(checkedStrategy({ name: 'mine', choose: () => [] }).order).toBeUndefined();
  });

  test.each([
    ['without a name', { choose: () => [] }],
    ['whose name is not text', { name: 7, choose: () => [] }],
    ['without choose', { name: 'mine' }],
    ['whose choose is not a function', { name: 'mine', choose: [] }],
    ['that is nothing', null],
  ])('F4: one %s is refused', (_, given) => {
    expect(refused(given)).toMatchObject({
      code: 'INVALID_CONFIGURATION',
      message: expect.stringContaining("'strategy' must be an object with a name and a function choose"),
    });
  });

  test('F4: an order that the registry does not know is refused with those that it knows', () => {
    expect(refused({ name: 'mine', order: 'random', choose: () => [] })).toMatchObject({
      code: 'INVALID_CONFIGURATION',
      message:
        'The order of the strategy \'mine\' is "random"; it must be one of longest-due, backlog, priority, deadline, weight, or left out.',
    });
  });

  test('F4: its name and its order are read once, so that fields that throw later do no harm', () => {
    let reads = 0;
    const checked = checkedStrategy({
      get name() {
        if (reads++ > 0) throw new Error('no name any more');
        return 'mine';
      },
      get order() {
        if (reads++ > 1) throw new Error('no order any more');
        return 'weight' as const;
      },
      choose: () => [],
    });
    expect([checked.name, checked.order, checked.name, checked.order]).toEqual([
      'mine',
      'weight',
      'mine',
      'weight',
    ]);
  });
});
