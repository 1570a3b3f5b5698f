import { MultiOutboxError } from '../../../src/errors.ts';
import { tickOnce } from '../../../src/local/tick.ts';
import { noCounts } from '../../../src/queue/tally.ts';
import { turns } from '../../support/deferred.ts';
import { planOf, reportOf } from '../../support/requests.ts';

describe('one tick', () => {
  test('D8: a request that cannot be dispatched is a failed run, and stops no other run', async () => {
    const told: string[] = [];
    const { runs } = await tickOnce({
      plan: async () => planOf('a', 'gone', 'b'),
      dispatch: async (each) => {
        if (each.tenantId === 'gone') {
          throw new MultiOutboxError('UNKNOWN_TENANT', "There is no tenant 'gone'.", { tenantId: 'gone' });
        }
        return reportOf(each);
      },
      parallelRuns: 1,
      onRun: ({ request: { tenantId }, report }) => told.push(`${tenantId} ${report?.outcome ?? 'starts'}`),
    });
    expect(runs.map(({ tenantId, outcome }) => [tenantId, outcome])).toEqual([
      ['a', 'idle'],
      ['gone', 'failed'],
      ['b', 'idle'],
    ]);
    expect(runs[1]).toMatchObject({ error: { code: 'UNKNOWN_TENANT' }, counts: noCounts, reason: 'due' });
    expect(told).toEqual(['a starts', 'a idle', 'gone starts', 'gone failed', 'b starts', 'b idle']);
  });

  test.each([1, 3, 100])('at most %p runs at once, and that many if there is work', async (parallelRuns) => {
    let running = 0;
    let most = 0;
    const ids = Array.from({ length: 12 }, (_, n) => `t${n}`);
    const { runs } = await tickOnce({
      plan: async () => planOf(...ids),
      dispatch: async (each) => {
        most = Math.max(most, ++running);
        await turns(1 + (each.tenantId.length % 3));
        running--;
        return reportOf(each);
      },
      parallelRuns,
      onRun() {},
    });
    expect(most).toBe(Math.min(parallelRuns, ids.length));
    expect(runs.map(({ tenantId }) => tenantId)).toEqual(ids);
  });

  test('without due tenants, no run starts', async () => {
    const dispatch = jest.fn();
    expect(
      await tickOnce({ plan: async () => planOf(), dispatch, parallelRuns: 4, onRun() {} }),
    ).toMatchObject({
      runs: [],
    });
    expect(dispatch).not.toHaveBeenCalled();
  });
});
