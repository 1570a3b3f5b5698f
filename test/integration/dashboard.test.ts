/** docs/grafana/fleet.json: the model of the dashboard, and its queries against the scrape of a running host. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type CliFolder, cliFolder } from '../support/cli-process.ts';
import { root } from '../support/documents.ts';
import { testWithSignals } from '../support/platform.ts';
import { until } from '../support/until.ts';

interface Target {
  readonly refId: string;
  readonly datasource: { readonly uid: string };
  readonly expr: string;
  readonly legendFormat: string;
}
interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets: readonly Target[];
}
interface Dashboard {
  readonly uid: string;
  readonly schemaVersion: number;
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly { name: string; type: string; query: string | { query: string } }[];
  };
}

const dashboard: Dashboard = JSON.parse(readFileSync(path.join(root, 'docs/grafana/fleet.json'), 'utf8'));
const targets = dashboard.panels.flatMap(({ targets }) => targets);

interface Query {
  readonly metric: string;
  /** The names of labels, and the values that they are compared with. */
  readonly labels: readonly (readonly [name: string, value: string | undefined])[];
}

/** The selectors of a query, each with the labels that it compares, and those by which the query groups. */
function queriesOf({ expr, legendFormat }: Target): Query[] {
  const shown = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, name]) => name!);
  const grouped = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, names]) => names!.split(/, */));
  return [...expr.matchAll(/(multi_outbox\w*)\{([^}]*)\}/g)].map(([, metric, matchers]) => ({
    metric: metric!,
    labels: [
      ...[...shown, ...grouped].map((name) => [name, undefined] as const),
      ...[...matchers!.matchAll(/(\w+)(?:=~|!=|=)"([^"]*)"/g)].map(
        ([, name, value]) => [name!, value] as const,
      ),
    ],
  }));
}

/** The label that Prometheus adds to what it scrapes. */
const ownLabel = 'job';

/** The metrics of a scrape: for each, its series' labels. */
function seriesOf(scrape: string): Map<string, Record<string, string>[]> {
  const series = new Map<string, Record<string, string>[]>();
  for (const [, metric, labels] of scrape.matchAll(/^(\w+)\{(.*)\} \S+$/gm)) {
    const pairs = [...labels!.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name!, value!]);
    series.set(metric!, [...(series.get(metric!) ?? []), Object.fromEntries(pairs)]);
  }
  return series;
}

/** What the queries name that the scrape has not. */
function unknownIn(scrape: string, all: readonly Target[]): string[] {
  const series = seriesOf(scrape);
  return all.flatMap(queriesOf).flatMap(({ metric, labels }) => {
    const known = series.get(metric);
    if (known === undefined) return [metric];
    return labels
      .filter(([name]) => name !== ownLabel)
      .filter(([name, value]) =>
        known.every((each) => each[name] === undefined || (value !== undefined && each[name] !== value)),
      )
      .map(([name, value]) => `${metric}{${name}${value === undefined ? '' : `="${value}"`}}`);
  });
}

test('the model has the form that Grafana loads, and its panels do not overlap', () => {
  expect(dashboard).toMatchObject({ uid: 'multi-outbox', schemaVersion: expect.any(Number) });
  expect(dashboard.templating.list.map(({ name, type }) => [name, type])).toEqual([
    ['datasource', 'datasource'],
    ['job', 'query'],
  ]);
  const { panels } = dashboard;
  expect(panels.length).toBeGreaterThan(10);
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, at) => `${x + (at % w)},${y + Math.floor(at / w)}`),
  );
  expect(new Set(cells).size).toBe(cells.length);
  for (const { title, description, type, gridPos, targets } of panels) {
    expect([title, ['stat', 'timeseries', 'table'].includes(type)]).toEqual([title, true]);
    expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
    expect([title, description.length > 10, targets.length > 0]).toEqual([title, true, true]);
    expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
  }
  for (const { datasource, expr } of targets) {
    expect([expr, datasource.uid]).toEqual([expr, ['$', '{datasource}'].join('')]);
    // Each query is of the jobs that the reader has chosen, and has at least one selector.
    const selectors = expr.match(/multi_outbox\w*/g)!;
    expect([expr, expr.match(/multi_outbox\w*\{job=~"\$job"/g)]).toEqual([expr, expect.any(Array)]);
    expect(expr.match(/\{job=~"\$job"/g)).toHaveLength(selectors.length);
  }
});

describe('with a running host', () => {
  let folder: CliFolder;
  beforeEach(() => {
    folder = cliFolder();
  });
  afterEach(() => folder.remove());

  testWithSignals('each query’s metrics and labels are in the scrape of a running host', async () => {
    for (const id of ['acme', 'birch']) await folder.json(['tenants', 'add', id]);
    for (const topic of ['note', 'throws.permanent', 'fails'])
      await folder.json(['enqueue', 'acme', topic, 'x']);
    folder.write(
      'handlers.mjs',
      `import { defineHandler, PermanentError } from 'multi-outbox';
      export default [
        defineHandler({ topic: 'note', handle() {} }),
        defineHandler({ topic: 'fails', handle() { throw new Error('not now'); } }),
        defineHandler({ topic: 'throws.permanent', handle() { throw new PermanentError('never'); } }),
      ];`,
    );
    const host = folder.start(['run', '--json', '--handlers', 'handlers.mjs', '--metrics', '0']);
    await host.until(({ stderr }) => stderr.includes('Serving /metrics at'));
    const [, origin] = / at (http:\S+)\./.exec(host.output().stderr)!;
    let scrape = '';
    let unknown: string[] = [];
    await until('the scrape has what the dashboard shows', async () => {
      scrape = await (await fetch(`${origin}/metrics`, { headers: { connection: 'close' } })).text();
      unknown = unknownIn(scrape, targets);
      return scrape.includes('outcome="idle"') && unknown.length === 0;
    }).catch(() => {});
    expect(unknown).toEqual([]);
    const { query } = dashboard.templating.list.find(({ name }) => name === 'job')!;
    expect(
      seriesOf(scrape).has(/^label_values\((\w+), job\)$/.exec((query as { query: string }).query)![1]!),
    ).toBe(true);
    // A metric, a label or a value that is not there would be found.
    const wrong = (expr: string) => unknownIn(scrape, [{ ...targets[0]!, expr, legendFormat: '' }]);
    expect(wrong('sum(multi_outbox_run_total{job=~"$job"})')).toHaveLength(1);
    expect(wrong('sum by (tenant) (multi_outbox_messages_total{job=~"$job"})')).toHaveLength(1);
    expect(wrong('sum(multi_outbox_messages_total{job=~"$job",result="died"})')).toHaveLength(1);
    host.kill('SIGTERM');
    expect((await host.ended).code).toBe(0);
  });
});
