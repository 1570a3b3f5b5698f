import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import type { Connection } from '../../../src/engine/sqlite/connection.ts';
import { DueRows } from '../../../src/engine/sqlite/queue/due-rows.ts';

type Row = readonly [sequence: number, dueUtc: number];

/** Due messages, and the number of rows that each statement asks for. */
function scene(expected: number, messages = 10_000) {
  const database = new DatabaseSync(':memory:');
  database.exec(`CREATE TABLE Due (Sequence INTEGER PRIMARY KEY, DueUtc INTEGER NOT NULL);
    WITH RECURSIVE Numbers (N) AS (SELECT 1 UNION ALL SELECT N + 1 FROM Numbers WHERE N < ${messages})
    INSERT INTO Due SELECT N, N / 7 FROM Numbers`);
  const asked: { readonly count: number; readonly bytes: number }[] = [];
  const connection = {
    allTuples(sql: string, ...values: SQLInputValue[]) {
      const [bytes, , count] = values as number[];
      asked.push({ count: count!, bytes: bytes! });
      const statement = database.prepare(sql);
      statement.setReturnArrays(true);
      return statement.all(...values);
    },
  } as unknown as Connection;
  const sql = `SELECT Sequence, DueUtc FROM Due WHERE ? >= 0 AND DueUtc <= ? ORDER BY DueUtc, Sequence LIMIT ? OFFSET ?`;
  const rows = new DueRows<Row>(
    connection,
    { now: 1_000_000, isDelayedDue: false },
    {
      sql: { Due: sql, Delayed: sql },
      values: (count) => [Math.floor(64_000 / count)],
      expected,
      compare: (one, other) => one[1] - other[1] || one[0] - other[0],
    },
  );
  return { rows, asked };
}

test.each([2, 11, 501])(
  'Q4: all due rows come in order, %i expected; those behind are read in few statements',
  (expected) => {
    const { rows, asked } = scene(expected);
    const sequences: number[] = [];
    for (let row = rows.next(); row !== undefined; row = rows.next()) sequences.push(row[0]);
    expect(sequences).toEqual(Array.from({ length: 10_000 }, (_, index) => index + 1));
    // Each statement steps over the rows before it: 16 rows at a time would take 625 of them, and 3 million steps.
    expect(asked.length).toBeLessThan(35);
    for (const { count, bytes } of asked) expect(count * bytes).toBeLessThanOrEqual(64_000);
  },
);

test.each([10, 500])(
  'Q4: of fewer messages than expected, %i, no statement looks for more behind the last',
  (messages) => {
    const { rows, asked } = scene(501, messages);
    for (let n = 0; n < messages; n++) expect(rows.next()).toBeDefined();
    const before = asked.length;
    expect(rows.next()).toBeUndefined();
    expect(asked).toHaveLength(before);
  },
);

test.each([
  [501, [128, 373, 16, 32, 64, 128, 256, 512, 512]],
  [129, [128, 1, 16, 32, 64, 128, 256, 512, 512]],
])(
  'Q4: with %i rows expected, the statements read few rows at first and never more than 512',
  (expected, counts) => {
    const { rows, asked } = scene(expected);
    while (rows.next() !== undefined);
    expect(asked.map(({ count }) => count).slice(0, counts.length)).toEqual(counts);
  },
);

test('Q4: a claim that takes what it expects reads no row more', () => {
  const { rows, asked } = scene(11);
  for (let n = 0; n < 11; n++) rows.next();
  expect(asked.map(({ count }) => count)).toEqual([11]);
});
