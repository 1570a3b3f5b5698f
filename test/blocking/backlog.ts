/** Fills the outbox with a backlog as a busy tenant has it, by one statement for each part. */
import * as mssql from 'mssql';

/** A statement of this many rows holds few enough locks, and its log is small. */
const part = 100_000;
/** Ordering keys of the backlog. */
const keys = 1_000;

/**
 * Of 100 messages, 70 are Done, 5 Dead, 20 due without a key, 3 due with a key (of each key's messages, the first is the
 * head, the second a follower that no run has met, and the others are blocked), and 2 not due yet. Every second one has a dedup key.
 */
export async function fillOutbox(pool: mssql.ConnectionPool, count: number): Promise<void> {
  for (let from = 0; from < count; from += part) {
    const request = patientRequest(pool);
    await request.batch(`
      INSERT messaging.Outbox (MessageId, Topic, OrderingKey, DedupKey, EnqueuedUtc, DueUtc, Status, Attempts, Blocked, InGroup,
        SettledUtc, FirstError, LastError, Payload)
      SELECT NEWID(), N'orders', CASE WHEN m.Kind BETWEEN 95 AND 97 THEN N'key ' + CAST(m.N / 100 % ${keys} AS nvarchar(20)) END,
        CASE WHEN m.N % 2 = 0 THEN N'dedup ' + CAST(m.N AS nvarchar(20)) END,
        DATEADD(hour, -2, SYSUTCDATETIME()), DATEADD(hour, CASE WHEN m.Kind < 98 THEN -1 ELSE 1 END, SYSUTCDATETIME()),
        CASE WHEN m.Kind < 70 THEN 2 WHEN m.Kind < 75 THEN 3 ELSE 0 END, CASE WHEN m.Kind < 75 THEN 1 ELSE 0 END,
        CASE WHEN m.Kind BETWEEN 95 AND 97 AND NOT (m.N < ${100 * keys} AND m.Kind < 97) THEN 1 ELSE 0 END,
        CASE WHEN m.Kind < 75 THEN 0 ELSE 1 END, CASE WHEN m.Kind < 75 THEN DATEADD(second, -m.N, SYSUTCDATETIME()) END,
        CASE WHEN m.Kind BETWEEN 70 AND 74 THEN N'it failed' END, CASE WHEN m.Kind BETWEEN 70 AND 74 THEN N'it failed' END,
        N'{"text":"' + REPLICATE(N'x', 100) + N'"}'
      FROM (
        SELECT d.N, d.N % 100 AS Kind FROM (
          SELECT ${from} + a.N + 10 * b.N + 100 * c.N + 1000 * e.N + 10000 * f.N AS N
          FROM ${digits('a')} CROSS JOIN ${digits('b')} CROSS JOIN ${digits('c')} CROSS JOIN ${digits('e')} CROSS JOIN ${digits('f')}
        ) d WHERE d.N < ${count}
      ) m ORDER BY m.N;`);
  }
}

function digits(alias: string): string {
  return `(VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) ${alias}(N)`;
}

/** A request for work that takes a server minutes. The driver's types do not know the second parameter. */
export function patientRequest(pool: mssql.ConnectionPool): mssql.Request {
  const Request = mssql.Request as unknown as new (
    pool: mssql.ConnectionPool,
    overrides: { requestTimeout: number },
  ) => mssql.Request;
  return new Request(pool, { requestTimeout: 600_000 });
}
