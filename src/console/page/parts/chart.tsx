import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { count, duration, fullTime } from '../format.ts';
import { Scroll } from './scroll.tsx';
import 'uplot/dist/uPlot.min.css';

export interface ChartSeries {
  readonly label: string;
  /** A variable of the styles. */
  readonly color: string;
  readonly values: readonly (number | null)[];
  readonly filled?: boolean;
  /** Lines differ by it as well, for whoever does not tell the colours apart. Default: solid. */
  readonly line?: keyof typeof dashes;
}

const dashes = { solid: [], dashed: [8, 4], dotted: [2, 3] };

interface ChartProps {
  title: string;
  /** One line about what is drawn. */
  note: string;
  times: readonly string[];
  series: readonly ChartSeries[];
  unit: 'count' | 'ms';
  /** Milliseconds, drawn over the series with a scale of its own: a queue that stands still looks idle without it. */
  over: ChartSeries;
}

const height = 150;
const text = { count: (value: number) => count(value), ms: duration };

/** A chart with its table. The drawing is for the eyes only; the table has the same numbers. */
export function Chart({ title, note, times, series, unit, over }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  // Hundreds of rows are made only for whoever wants them.
  const [isOpen, setOpen] = useState(false);
  useEffect(() => {
    const element = place.current!;
    let plot: uPlot | null = null;
    const draw = () => {
      plot?.destroy();
      plot = new uPlot(
        optionsOf(element.clientWidth, series, over, unit),
        dataOf(times, [...series, over]),
        element,
      );
    };
    draw();
    const resized = new ResizeObserver(() => plot?.setSize({ width: element.clientWidth, height }));
    resized.observe(element);
    const dark = window.matchMedia('(prefers-color-scheme: dark)');
    dark.addEventListener('change', draw);
    return () => {
      resized.disconnect();
      dark.removeEventListener('change', draw);
      plot?.destroy();
    };
  }, [times, series, over]);
  const all = [...series, over];
  return (
    <figure class="chart" aria-label={title}>
      <figcaption>
        <strong>{title}</strong> <span class="faint">{note}</span>
      </figcaption>
      <div ref={place} class="plot" aria-hidden="true" />
      <details onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>Table of {title.toLowerCase()}</summary>
        <Scroll label={title}>
          <table>
            <caption class="unseen">{title}, the latest first</caption>
            <thead>
              <tr>
                <th scope="col">From</th>
                {all.map(({ label }) => (
                  <th scope="col" class="number" key={label}>
                    {label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {(isOpen ? times : [])
                .map((utc, index) => (
                  <tr key={utc}>
                    <th scope="row">
                      <time dateTime={utc} title={fullTime(utc)}>
                        {stepTime.format(new Date(utc))}
                      </time>
                    </th>
                    {all.map(({ label, values }) => {
                      const value = values[index] ?? null;
                      return (
                        <td class="number" key={label}>
                          {value === null ? (
                            <span class="faint">–</span>
                          ) : (
                            text[label === over.label ? 'ms' : unit](value)
                          )}
                        </td>
                      );
                    })}
                  </tr>
                ))
                .reverse()}
            </tbody>
          </table>
        </Scroll>
      </details>
    </figure>
  );
}

const stepTime = new Intl.DateTimeFormat('en-GB', { weekday: 'short', hour: '2-digit', minute: '2-digit' });

function dataOf(times: readonly string[], all: readonly ChartSeries[]): uPlot.AlignedData {
  return [
    times.map((utc) => Date.parse(utc) / 1_000),
    ...all.map(({ values }) => [...values]),
  ] as uPlot.AlignedData;
}

function optionsOf(
  width: number,
  series: readonly ChartSeries[],
  over: ChartSeries,
  unit: ChartProps['unit'],
): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const color = (name: string) => style.getPropertyValue(name).trim();
  const font = `11px ${style.fontFamily}`;
  const shown = (of: (value: number) => string) => (_plot: uPlot, value: number | null) =>
    value === null ? '–' : of(value);
  const axis = { stroke: color('--faint'), font, ticks: { show: false }, gap: 4 };
  const ticks = (of: (value: number) => string) => (_plot: uPlot, values: number[]) => values.map(of);
  const range = (_plot: uPlot, _least: number | null, most: number | null): uPlot.Range.MinMax => [
    0,
    Math.max(5, (most ?? 0) * 1.05),
  ];
  const all = [...series, over];
  const last = lastKnown(all);
  return {
    width,
    height,
    legend: {
      markers: { dash: (_plot, index) => (index === 0 ? 'solid' : (all[index - 1]!.line ?? 'solid')) },
    },
    // Without a pointer on the chart, the legend has the last values.
    hooks: {
      setLegend: [(plot) => plot.cursor.idx == null && plot.setLegend({ idx: last }, false)],
    },
    // Without dragging, a finger on a phone scrolls the page.
    cursor: { drag: { x: false, y: false }, y: false },
    scales: { x: { time: true }, y: { range }, over: { range } },
    axes: [
      { ...axis, size: 24, grid: { show: false }, values: clockTicks },
      { ...axis, size: 58, grid: { stroke: color('--line'), width: 1 }, values: ticks(text[unit]) },
      { ...axis, scale: 'over', side: 1, size: 58, grid: { show: false }, values: ticks(duration) },
    ],
    series: [
      { label: 'From', value: (_plot, at) => (at === null ? '–' : stepTime.format(new Date(at * 1_000))) },
      ...series.map((each) => ({
        label: each.label,
        stroke: color(each.color),
        width: 1.5,
        dash: dashes[each.line ?? 'solid'],
        points: { size: 4 },
        value: shown(text[unit]),
        ...(each.filled && { fill: `${color(each.color)}40` }),
      })),
      {
        label: over.label,
        scale: 'over',
        stroke: color(over.color),
        width: 1.5,
        dash: dashes[over.line ?? 'solid'],
        points: { show: true, size: 3 },
        value: shown(duration),
      },
    ],
  };
}

/** The last index at which a series has a value. */
function lastKnown(all: readonly ChartSeries[]): number {
  return Math.max(0, ...all.map(({ values }) => values.findLastIndex((value) => value !== null)));
}

const tickTime = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });

function clockTicks(_plot: uPlot, values: number[]): string[] {
  const isDays = values.length > 1 && values.at(-1)! - values[0]! > 86_400;
  return values.map((value) => (isDays ? stepTime : tickTime).format(new Date(value * 1_000)));
}
