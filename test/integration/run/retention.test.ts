import { orders, run, withFaults } from '../../support/queue-run.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';
import { tenantFileOf, withProgram } from '../../unit/sqlite/scene.ts';

const place = new SqlitePlace();
const aDay = 86_400_000;

afterEach(() => jest.restoreAllMocks());

test('Q12: idle runs remove a large backlog of Done messages, each for five seconds, in calls of 1,000', async () => {
  const real = await place.outbox();
  await withProgram(tenantFileOf(place), (db) =>
    db.exec(`INSERT INTO Outbox (Topic, Payload, Status, InGroup, SettledUtc)
      WITH RECURSIVE rows (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM rows WHERE n < 15005)
      SELECT 'orders', 'p', 2, 0, iif(n <= 15000, n, ${Date.now()}) FROM rows`),
  );
  // Time passes in the calls only: each takes half a second.
  let now = 0;
  jest.spyOn(performance, 'now').mockImplementation(() => now);
  let purged: number[] = [];
  const queue = withFaults(real, {
    begin: async (call, request) => {
      const begun = await call(request);
      now += 500;
      if (begun.status !== 'leased-elsewhere') purged.push(begun.purged);
      return begun;
    },
  });
  const idle = async () => {
    purged = [];
    const report = await run(queue, [orders(() => {})], { retention: { doneMs: aDay } });
    expect(report).toMatchObject({ status: 'idle', more: false });
    return purged;
  };
  expect(await idle()).toEqual([1_000, 1, ...Array(7).fill(1_000)]);
  expect(await idle()).toEqual([1_000, 1, ...Array(5).fill(1_000), 998]);
  expect(await real.statistics()).toMatchObject({ done: 5 });
});
