import { useMemo, useState } from 'preact/hooks';
import type { ChartPoint, FleetCharts as Charts, Percentiles, SpanName } from '../../fleet/charts.ts';
import { duration } from '../format.ts';
import { usePolled } from '../polling.ts';
import { PartAsOf } from './as-of.tsx';
import { Chart, type ChartSeries } from './chart.tsx';
import { PolledPart } from './states.tsx';

const spans: readonly SpanName[] = ['1h', '6h', '24h', '7d'];

/** What the fleet did, with the oldest due age over it. */
export function FleetCharts() {
  const [span, setSpan] = useState<SpanName>('1h');
  const charts = usePolled<Charts>('/api/pulse/history', { span }, { every: 30_000 });
  return (
    <section aria-labelledby="charts">
      <h2 id="charts">
        Throughput and latency{' '}
        <span class="chips inline">
          {spans.map((name) => (
            <button
              type="button"
              key={name}
              class="chip"
              aria-pressed={name === span}
              onClick={() => setSpan(name)}
            >
              {name}
            </button>
          ))}
        </span>{' '}
        <PartAsOf asOf={charts.asOf} />
      </h2>
      <PolledPart polled={charts} of="the history">
        {(data) => <Drawn data={data} />}
      </PolledPart>
    </section>
  );
}

function Drawn({ data }: { data: Charts }) {
  const { points, stepMs } = data;
  const drawn = useMemo(() => {
    const line = (
      label: string,
      color: string,
      of: (point: ChartPoint) => number | null,
      kind: ChartSeries['line'] = 'solid',
    ): ChartSeries => ({ label, color, values: points.map(of), line: kind });
    const percentiles = (of: (point: ChartPoint) => Percentiles) => [
      line('p50', '--bar', (point) => of(point).p50),
      line('p95', '--warn', (point) => of(point).p95, 'dashed'),
      line('p99', '--bar-failed', (point) => of(point).p99, 'dotted'),
    ];
    return {
      times: points.map(({ utc }) => utc),
      throughput: [
        { ...line('Done', '--bar', ({ done }) => done), filled: true },
        line('Failed', '--bar-failed', ({ failed }) => failed),
      ],
      wait: percentiles(({ wait }) => wait),
      handle: percentiles(({ handle }) => handle),
      over: line('Oldest due', '--faint', ({ oldestDueMs }) => oldestDueMs, 'dashed'),
    };
  }, [data]);
  const { times, over } = drawn;
  const step = stepMs === 60_000 ? 'minute' : duration(stepMs);
  return (
    <div class="charts">
      <Chart
        title="Messages"
        note={`per ${step}; dashed, right: oldest due tenant`}
        times={times}
        series={drawn.throughput}
        unit="count"
        over={over}
      />
      <Chart
        title="Wait"
        note="from due to the start of the handler"
        times={times}
        series={drawn.wait}
        unit="ms"
        over={over}
      />
      <Chart
        title="Run"
        note="how long handlers took"
        times={times}
        series={drawn.handle}
        unit="ms"
        over={over}
      />
    </div>
  );
}
