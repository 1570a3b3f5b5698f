/** Every statement of a run or a plan uses an index made for it, with any data. */

import { DatabaseSync } from 'node:sqlite';
import { candidateOrders } from '../../../src/engine/registry.ts';
import { foldCase, planRange } from '../../../src/engine/sqlite/file.ts';
import { tenantDefinition } from '../../../src/fleet/tenants/definition.ts';
import { discardDead, listDead, replayDead } from '../../support/dead-letters.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';
import { begin, message, settle, type Then, tenantFileOf, withProgram } from './scene.ts';

const place = new SqlitePlace();

afterEach(() => jest.restoreAllMocks());

/** The statements prepared from here on. */
function prepared(): Set<string> {
  const statements = new Set<string>();
  const prepare = DatabaseSync.prototype.prepare;
  jest.spyOn(DatabaseSync.prototype, 'prepare').mockImplementation(function (
    this: DatabaseSync,
    sql,
    options,
  ) {
    statements.add(sql);
    return options === undefined ? prepare.call(this, sql) : prepare.call(this, sql, options);
  });
  return statements;
}

/** The steps of a statement's plan, such as `SEARCH Outbox USING INDEX Outbox_Due (DueUtc<?)`. */
function stepsOf(db: DatabaseSync, sql: string): string[] {
  const rows = db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all() as { detail: string }[];
  return rows.map(({ detail }) => detail);
}

/** SQLite's statistics when it plans. An application may run ANALYZE, also long before the table grows. */
const statistics = {
  none: '',
  'of the data': 'ANALYZE',
  'of a table with a single row': `ANALYZE; UPDATE sqlite_stat1 SET stat = '1 1 1'; ANALYZE sqlite_schema`,
};

/** The plans of all statements about a table, with each kind of statistics. */
function plansOf(file: string, table: string, statements: Set<string>): Promise<[string, string[]][]> {
  jest.restoreAllMocks();
  return withProgram(file, (db) => {
    db.function('fold_case', foldCase);
    db.function('plan_range', { deterministic: true }, planRange);
    const about = [...statements].filter((sql) => sql.includes(table));
    return Object.entries(statistics).flatMap(([known, look]) => {
      db.exec(look);
      return about.map((sql): [string, string[]] => [`statistics ${known}: ${sql}`, stepsOf(db, sql)]);
    });
  });
}

/**
 * A scan is fine where a statement needs every row of an index, as of the index of claimed messages, or the index's
 * first rows.
 */
function expectIndexed(plans: [string, string[]][], table: string): void {
  for (const [sql, steps] of plans) {
    for (const step of steps) {
      const isFullScan = step.startsWith(`SCAN ${table}`) && !/USING (COVERING )?INDEX/.test(step);
      const isSort = step.includes('USE TEMP B-TREE');
      if (isFullScan || isSort) throw new Error(`${step}\n${sql}`);
    }
  }
}

test('Q4, Q9, Q12: a run reads only the rows that it works on', async () => {
  let now = 1_700_000_000_000;
  const engine = place.engine({ clock: () => now });
  const queue = await place.outbox('acme', engine);
  const statements = prepared();
  await queue.enqueue([message('delayed', { dueInMs: 1_000 }), message('later', { dueInMs: 10_000 })]);
  now += 2_000;
  await queue.enqueue(
    Array.from({ length: 200 }, (_, index) =>
      message(`${index}`, {
        ...(index % 2 === 0 && { orderingKey: `k${index % 6}` }),
        dedupKey: `d${index}`,
      }),
    ),
  );
  const run = await begin(queue, 50);
  const claim: Then = { do: 'claim', solo: true, limit: 50, maxBytes: 100_000 };
  const retention = { doneMs: 0, limit: 10 };
  const kinds = ['done', 'retry', 'dead', 'release'] as const;
  const outcomes = run.messages.map(({ sequence, messageId }, index) => {
    const kind = kinds[index % kinds.length]!;
    return kind === 'done'
      ? { sequence, messageId, kind }
      : { sequence, messageId, kind, delayMs: 0, error: 'e' };
  });
  await settle(queue, run, outcomes, claim, { retention });
  // A run that takes over recovers the claimed messages.
  await settle(queue, await begin(queue, 50), [], { do: 'release-lease' }, { retention });
  await replayDead(queue, {}, 3);
  await discardDead(queue, { olderThanMs: 0 }, 3);
  await listDead(queue, {}, { limit: 3 });
  await queue.statistics();
  const [first] = run.messages;
  await queue.enqueue([message('again', { dedupKey: 'd1' })]);
  await queue.get(first!.messageId);
  // After the clock was set back, due times of both kinds are drawn in (Q16).
  now -= 3_600_000;
  await settle(queue, await begin(queue, 50), [], { do: 'release-lease' });

  const plans = await plansOf(tenantFileOf(place), 'Outbox', statements);
  expectIndexed(plans, 'Outbox');
  const planned = plans.flatMap(([, steps]) => steps).join('\n');
  const indexes = [
    'Due',
    'Delayed',
    'DelayedFrom',
    'Group',
    'Claimed',
    'Settled',
    'Dead',
    'MessageId',
    'DedupKey',
  ];
  for (const index of indexes) {
    expect(planned).toMatch(new RegExp(`USING (COVERING )?INDEX Outbox_${index}\\b`));
  }
  // Whatever is among the other messages, these are found by a seek.
  for (const ahead of ['Due (DueUtc>?', 'DelayedFrom (<expr>>?']) {
    expect(plans.filter(([, steps]) => steps.some((step) => step.includes(`Outbox_${ahead}`)))).not.toEqual(
      [],
    );
  }
  // Any number of messages can be due at the same time. A claim must not read those that it does not take.
  const takes = plans.filter(([sql]) => /UPDATE Outbox INDEXED BY Outbox_Due SET Status = 1/.test(sql));
  expect(takes.length).toBeGreaterThan(0);
  for (const [sql, steps] of takes) {
    const seek = sql.endsWith('DueUtc < ?') ? '(DueUtc<?)' : '(DueUtc=? AND Sequence<?)';
    expect([sql, steps]).toEqual([sql, [`SEARCH Outbox USING INDEX Outbox_Due ${seek}`]]);
  }
  // Every call and every begin of a run asks these: a seek each, or the first entry of an index, whatever the statistics.
  const looks = plans.filter(([sql]) => /: SELECT\s+EXISTS/.test(sql));
  expect(looks).toHaveLength(2 * Object.keys(statistics).length);
  const seeks = [
    'SEARCH Outbox USING INDEX Outbox_Due (DueUtc>?)',
    'SEARCH Outbox USING INDEX Outbox_DelayedFrom (<expr>>?)',
    // The first key: NULL sorts before it.
    'SEARCH Outbox USING COVERING INDEX Outbox_Group (OrderingKey>?)',
    'SEARCH Outbox USING COVERING INDEX Outbox_Settled (SettledUtc>?)',
  ];
  for (const [sql, steps] of looks) {
    const reads = steps.filter((step) => /^(SCAN|SEARCH) Outbox/.test(step));
    for (const scan of reads.filter((step) => !seeks.includes(step))) {
      const index = /^SCAN Outbox USING (?:COVERING )?INDEX (\w+)$/.exec(scan)?.[1];
      const first = new RegExp(
        `EXISTS \\(SELECT 1 FROM Outbox INDEXED BY ${index} |INDEXED BY ${index} .*?LIMIT 1\\)`,
        's',
      );
      expect([scan, first.test(sql)]).toEqual([scan, true]);
    }
  }
});

test.each([
  ['MessageId', { messageIds: ['a', 'b'] }],
  ['DedupKey', { dedupKey: 'd' }],
  ['Dead', { states: ['dead'] }],
  ['Settled', { states: ['done'] }],
  ['Claimed', { states: ['claimed'] }],
  ['Group', { orderingKey: 'k', states: ['ready'] }],
] as const)('S3: a search by what the index %s has reads nothing else', async (index, filter) => {
  const queue = await place.outbox();
  const statements = prepared();
  await queue.find(filter, { limit: 10, examine: 100 });
  await queue.count(filter, { examine: 100 });
  const plans = await plansOf(tenantFileOf(place), 'Outbox', statements);
  const reads = plans.flatMap(([, steps]) => steps.filter((step) => /^(SCAN|SEARCH) Outbox/.test(step)));
  expect(reads).not.toEqual([]);
  for (const step of reads) expect(step).toContain(`INDEX Outbox_${index}`);
});

test('Q3, Q9: the statements of a busy run are prepared once, and the constraints and triggers of a queue need no temporary table', async () => {
  const queue = await place.outbox();
  const statements = prepared();
  await queue.enqueue([message('first', { orderingKey: 'k' }), message('second', { orderingKey: 'k' })]);
  const run = await begin(queue, 1);
  const outcomes = run.messages.map(({ sequence, messageId }) => ({
    sequence,
    messageId,
    kind: 'done' as const,
  }));
  await settle(queue, run, outcomes, { do: 'claim', solo: true, limit: 1, maxBytes: 100_000 });
  jest.restoreAllMocks();
  // SQLite prepares a statement again, at each execution, whose LIMIT is a parameter by itself.
  expect([...statements].filter((sql) => /\bLIMIT [?:]\w*\s*(OFFSET|\)|$)/.test(sql))).toEqual([]);
  const writes = [...statements].filter((sql) => /^(INSERT INTO|UPDATE) Outbox\s(?!INDEXED)/.test(sql));
  expect(writes.map((sql) => sql.slice(0, 6))).toEqual(expect.arrayContaining(['INSERT', 'UPDATE']));
  await withProgram(tenantFileOf(place), (db) => {
    for (const sql of writes) {
      const steps = db.prepare(`EXPLAIN ${sql}`).all() as { opcode: string }[];
      expect(steps.filter(({ opcode }) => opcode === 'OpenEphemeral')).toEqual([]);
    }
  });
});

test.each([undefined, { range: 2, of: 3 }])(
  'F3: a plan reads the due tenants, not the registered ones; its range is %p',
  async (range) => {
    const engine = place.engine();
    const registry = await place.registry(engine);
    for (let index = 0; index < 30; index++) {
      await registry.add(tenantDefinition({ id: `t${index}` }), `key-${index}`);
    }
    const statements = prepared();
    const request = { owner: 'planner', leaseMs: 60_000, limit: 5, range };
    const plan = await registry.beginPlan(request);
    if (plan.status !== 'due') throw new Error(`the plan is ${plan.status}`);
    const choices = plan.candidates.map(({ tenant, planVersion }) => ({ tenantId: tenant.id, planVersion }));
    for (const order of candidateOrders) await registry.beginPlan({ ...request, order });
    await registry.commitPlan({ lease: plan.lease, choices, redispatchMs: 1_000, range });
    await registry.wake(['t7']);
    await registry.hasWoken();
    await registry.changesSince(3);
    expect([...statements].some((sql) => /plan_range|PlanRanges/.test(sql))).toBe(range !== undefined);

    const plans = await plansOf(place.file('registry.db'), 'Tenants', statements);
    // A strategy's order sorts the due ids, of which there may be many; it reads no other rows.
    const byOrder = plans.filter(([sql]) => sql.includes('CROSS JOIN Tenants'));
    expect(byOrder).toHaveLength((candidateOrders.length - 1) * Object.keys(statistics).length);
    const tenantsDue = 'SEARCH Tenants USING INDEX Tenants_Due (NextDueUtc>? AND NextDueUtc<?)';
    for (const [, steps] of byOrder) expect(steps).toContain(tenantsDue);
    expect(byOrder.flatMap(([, steps]) => steps).filter((step) => step.startsWith('SCAN Tenants'))).toEqual(
      [],
    );
    expectIndexed(
      plans.filter((each) => !byOrder.includes(each)),
      'Tenants',
    );
    const due = plans.filter(([sql]) => sql.includes(' ORDER BY Tenants.NextDueUtc, Id'));
    expect(due).toHaveLength(Object.keys(statistics).length);
    for (const [, steps] of due) {
      expect(steps).toEqual([tenantsDue]);
    }
  },
);
