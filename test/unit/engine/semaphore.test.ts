import { Semaphore } from '../../../src/engine/semaphore.ts';
import { deferred } from '../../support/deferred.ts';

describe('semaphore', () => {
  test('F8: at most the limit at once, in order of arrival, also after failures', async () => {
    const semaphore = new Semaphore(2);
    const started: number[] = [];
    const ends: (() => void)[] = [];
    const runs = [0, 1, 2, 3, 4].map((index) =>
      semaphore.use(
        () =>
          new Promise<number>((resolve, reject) => {
            started.push(index);
            ends[index] = () => (index === 1 ? reject(new Error('refused')) : resolve(index));
          }),
      ),
    );
    const settled = Promise.allSettled(runs);
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    await turn();
    expect(started).toEqual([0, 1]);
    ends[1]!();
    await turn();
    expect(started).toEqual([0, 1, 2]);
    ends[0]!();
    ends[2]!();
    await turn();
    expect(started).toEqual([0, 1, 2, 3, 4]);
    ends[3]!();
    ends[4]!();
    expect((await settled).map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
      'fulfilled',
    ]);
  });

  test('a caller whose signal has fired already is refused, though a permit is free', async () => {
    const semaphore = new Semaphore(1);
    const reason = new Error('stopped');
    let worked = false;
    const work = async () => {
      worked = true;
    };
    await expect(semaphore.use(work, AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(worked).toBe(false);
    await semaphore.use(work);
    expect(worked).toBe(true);
  });

  test('a waiting caller whose signal fires leaves the queue and holds no permit', async () => {
    const semaphore = new Semaphore(1);
    const [first, stop] = [deferred(), new AbortController()];
    const order: string[] = [];
    const working = semaphore.use(() => first.promise);
    const refused = semaphore.use(async () => void order.push('refused'), stop.signal);
    const last = semaphore.use(async () => void order.push('last'));
    stop.abort(new Error('stopped'));
    await expect(refused).rejects.toBe(stop.signal.reason);
    first.resolve();
    await Promise.all([working, last]);
    expect(order).toEqual(['last']);
    expect(semaphore.released(0)).toBeUndefined();
  });

  test('a release is reported before the next caller has the permit', async () => {
    const semaphore = new Semaphore(1);
    const first = deferred();
    const order: string[] = [];
    const working = semaphore.use(() => first.promise);
    const next = semaphore.use(async () => void order.push('next'));
    const told = semaphore.released(60_000)!.then(() => order.push('told'));
    first.resolve();
    await Promise.all([working, next, told]);
    expect(order).toEqual(['told', 'next']);
  });
});
