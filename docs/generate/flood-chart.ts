/** Draws the chart of docs/strategies.md: the schedule model's figures of a flood in one tenant under each strategy. */
import * as echarts from 'echarts';
import type { Findings } from '../../bench/schedule-model/measures.ts';
import { presets } from '../../bench/schedule-model/presets.ts';
import { scenarioOf } from '../../bench/schedule-model/scenario.ts';
import { simulate } from '../../bench/schedule-model/simulate.ts';
import { strategies } from '../../src/fleet/plan/strategies/index.ts';

export const floodChartFile = 'docs/images/strategies-flood.svg';

/** Simulates the scenario `flood` under each strategy. */
export async function floodFindings(): Promise<Findings[]> {
  const scenario = scenarioOf(presets.flood);
  const findings: Findings[] = [];
  for (const strategy of Object.values(strategies)) {
    findings.push(await simulate(scenario, { strategy: strategy({ fairEvery: 4 }) }));
  }
  return findings;
}

/** An SVG document; the same findings give the same text. */
export function floodChart(findings: readonly Findings[]): string {
  const seconds = (ms: number) => Number((ms / 1_000).toFixed(1));
  const classOf = ({ classes }: Findings, name: string) => classes.find((each) => each.name === name)!;
  const series = [
    { name: '99 others: p50', value: (each: Findings) => classOf(each, 'steady').latencyMs!.p50 },
    { name: '99 others: p99', value: (each: Findings) => classOf(each, 'steady').latencyMs!.p99 },
    // The flood comes after ten seconds.
    { name: 'flood drained after', value: (each: Findings) => classOf(each, 'flooded').latencyMs!.max },
  ];
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: 760, height: 420 });
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    color: ['#9ecae1', '#2171b5', '#fd8d3c'],
    title: {
      text: 'A flood of 50,000 messages in one tenant',
      subtext: 'seconds from enqueue to handler, one place to run (npm run schedule-model -- flood)',
      left: 'center',
    },
    legend: { bottom: 0, itemGap: 40 },
    grid: { left: 60, right: 30, top: 80, bottom: 60 },
    xAxis: { type: 'category', data: findings.map(({ strategy }) => strategy) },
    // The values are milliseconds, because bars on a logarithmic axis start at 1. In seconds, some bars would start
    // above the axis.
    yAxis: {
      type: 'log',
      min: 100,
      axisLabel: { formatter: (ms: number) => `${seconds(ms)} s` },
    },
    series: series.map(({ name, value }) => ({
      name,
      type: 'bar',
      label: {
        show: true,
        position: 'top',
        fontSize: 11,
        formatter: ({ value: ms }: { value: number }) => String(seconds(ms)),
      },
      data: findings.map(value),
    })),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return `${svg}\n`;
}
