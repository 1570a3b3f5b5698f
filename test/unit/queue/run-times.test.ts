import { durationFigures } from '../../../src/engine/histogram.ts';
import { RunTimes } from '../../../src/queue/run-times.ts';

const hour = 3_600_000;

test('Q2, S5: a wait is measured by the database’s clock, however far off the host’s is', () => {
  const times = new RunTimes();
  const databaseNow = Date.now() + 24 * hour;
  times.answered(new Date(databaseNow), 1_000);
  // Started 40 ms after the call was sent, and due 300 ms before the database answered.
  times.started({ dueUtc: new Date(databaseNow - 300) }, 1_040);
  expect(times.wait.histogram.maxMs).toBe(340);
  // A later answer counts.
  times.answered(new Date(databaseNow + hour), 5_000);
  times.started({ dueUtc: new Date(databaseNow) }, 5_000);
  expect(times.wait.histogram.maxMs).toBe(hour);
  expect(durationFigures(times.handle.histogram).count).toBe(0);
});

test('S5: each wait and each handler’s time is recorded as a metric, too', () => {
  const recorded: unknown[] = [];
  const times = new RunTimes({
    waited: (ms) => recorded.push(['waited', ms]),
    handled: (topic, ms) => recorded.push(['handled', topic, ms]),
  });
  times.answered(new Date(1_000), 0);
  times.started({ dueUtc: new Date(900) }, 50);
  // The clock was set back meanwhile.
  times.started({ dueUtc: new Date(2_000) }, 60);
  times.ended('orders', 12.5);
  expect(recorded).toEqual([
    ['waited', 150],
    ['waited', 0],
    ['handled', 'orders', 12.5],
  ]);
  expect(times.handle.histogram.maxMs).toBe(13);
});
