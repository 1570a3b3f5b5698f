import { addCounts, noCounts, RunTally } from '../../../src/queue/tally.ts';

const started = { started: true } as const;
const unstarted = { started: false } as const;

test('D7, Q8: an outcome counts by its kind; one that the engine did not confirm as lost, if its handler was started', () => {
  const tally = new RunTally();
  tally.recovered = 2;
  tally.count(
    [
      { sequence: 1, kind: 'done', ...started },
      { sequence: 2, kind: 'done', ...started },
      { sequence: 3, kind: 'retry', delayMs: 1, error: 'x', ...started },
      { sequence: 4, kind: 'dead', error: 'x', ...started },
      { sequence: 5, kind: 'release', delayMs: 0, ...unstarted },
      { sequence: 6, kind: 'release', delayMs: 0, parked: true, ...unstarted },
      { sequence: 7, kind: 'dead', error: 'x', ...started },
      { sequence: 9, kind: 'release', delayMs: 0, ...unstarted },
      { sequence: 10, kind: 'dead', error: 'x', ...unstarted },
    ],
    [2, 7, 9, 10],
  );
  tally.count([{ sequence: 8, kind: 'done', ...started }], []);
  expect(tally.counts()).toEqual({
    done: 2,
    retried: 1,
    dead: 1,
    released: 1,
    parked: 1,
    lost: 2,
    recovered: 2,
  });
});

test('D4: the topics without a handler are kept once each, up to a limit', () => {
  const tally = new RunTally();
  for (const topic of ['b', 'a', 'b']) tally.unhandled(topic);
  expect(tally.topics()).toEqual(['a', 'b']);
  for (let n = 0; n < 1_000; n++) tally.unhandled(`topic-${n}`);
  expect(tally.topics()).toHaveLength(20);
});

test('D7: counts of several queues add up field by field', () => {
  const one = { done: 1, retried: 2, dead: 3, released: 4, parked: 5, lost: 6, recovered: 7 };
  expect(addCounts(one, one)).toEqual({
    done: 2,
    retried: 4,
    dead: 6,
    released: 8,
    parked: 10,
    lost: 12,
    recovered: 14,
  });
  expect(addCounts(one, noCounts)).toEqual(one);
});
