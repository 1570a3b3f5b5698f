/** The past of the fleet in the pictures: a day of waves, with a stall that has ended. No run has made it. */
import { DatabaseSync } from 'node:sqlite';
import { bucketCount } from '../../src/engine/histogram.ts';
import { minuteMs } from '../../src/engine/history.ts';
import { gaugeColumns, reportedColumns } from '../../src/engine/history-rows.ts';

const hourMs = 60 * minuteMs;
/** A wave between 0 and 1 with some noise, the same at every run. */
const wave = (step: number, period: number) =>
  0.5 + 0.4 * Math.sin((2 * Math.PI * step) / period) + 0.1 * Math.sin(step * 12.9898);

/** @param registryFile of a fleet that has run; its own minutes and hours stay */
export function addHistory(registryFile: string): void {
  const registry = new DatabaseSync(registryFile);
  const insert = (table: string, keys: readonly string[], values: Record<string, number | string>) => {
    const columns = Object.keys(values);
    registry
      .prepare(
        `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')}) ON CONFLICT (${keys.join(', ')}) DO NOTHING`,
      )
      .run(...Object.values(values));
  };
  registry.exec('BEGIN');
  const now = Date.now();
  const minute = Math.floor(now / minuteMs) * minuteMs;
  for (let back = 1; back < 24 * 60; back++) {
    const stalled = back > 17 && back < 26;
    const load = stalled ? 0 : wave(back, 95) * 900 + (back > 10 && back <= 17 ? 700 : 0);
    const { WaitMaxMs, HandleMaxMs, ...flow } = flowOf(load, back > 10 && back < 18 ? 3 : 0, 2);
    insert('FleetHistory', ['MinuteUtc'], {
      MinuteUtc: minute - back * minuteMs,
      ...flow,
      [gaugeColumns.active]: 20,
      [gaugeColumns.due]: stalled ? 14 : Math.round(wave(back, 40) * 3),
      [gaugeColumns.withBacklog]: stalled ? 9 : 1,
      [gaugeColumns.failing]: 1,
      [gaugeColumns.withFailingTopics]: 3,
      [gaugeColumns.withDead]: 2,
      [gaugeColumns.dead]: 42,
      [gaugeColumns.oldestDueMs]: stalled ? (26 - back) * minuteMs : Math.round(wave(back, 30) * 4_000),
    });
  }
  const hour = Math.floor(now / hourMs) * hourMs;
  for (const { Id } of registry.prepare('SELECT Id FROM Tenants WHERE LastRunUtc IS NOT NULL').all() as {
    Id: string;
  }[])
    for (let back = 1; back < 48; back++)
      insert('TenantHistory', ['HourUtc', 'TenantId'], {
        HourUtc: hour - back * hourMs,
        TenantId: Id,
        ...flowOf(wave(back + Id.length * 3, 24) * 2_000, 0, Id === 'initech' && back < 6 ? 20 : 0),
      });
  registry.exec('COMMIT');
  registry.close();
}

/** @param slower how many buckets longer messages wait than usual */
function flowOf(done: number, slower: number, retried: number): Record<string, number> {
  const flow = Object.fromEntries(reportedColumns.map((column) => [column, 0]));
  const spread = (kind: string, middle: number) => {
    for (const [offset, share] of [0.15, 0.5, 0.25, 0.1].entries())
      flow[`${kind}${Math.min(bucketCount - 1, middle + offset)}`] = Math.round(done * share);
  };
  spread('Wait', 5 + slower);
  spread('Handle', 3);
  const runs = Math.ceil(done / 60);
  return {
    ...flow,
    Runs: runs,
    Done: Math.round(done),
    Retried: retried,
    WaitMaxMs: 4_000,
    HandleMaxMs: 900,
  };
}
