import type { Activity } from '../../tenants/activity.ts';
import { count } from '../format.ts';

const width = 96;
const height = 18;

/** 24 hours of a tenant: bars of what was done, and on top of them in red what failed. */
export function Sparkline({ activity }: { activity: Activity | undefined }) {
  if (activity === undefined) return <span class="spark-space" />;
  const { done, failed } = activity;
  const totals = done.map((value, hour) => value + failed[hour]!);
  const most = Math.max(...totals);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const text = `${count(sum(done))} done, ${count(sum(failed))} failed in 24 hours`;
  if (most === 0)
    return (
      <span class="faint" title={text}>
        quiet
      </span>
    );
  const bar = width / totals.length;
  // A single message among thousands is still seen.
  const tall = (value: number) => (value === 0 ? 0 : Math.max(1.5, (value / most) * height));
  return (
    <svg class="spark" width={width} height={height} role="img" aria-label={text}>
      <title>{text}</title>
      <rect class="base" x={0} y={height - 1} width={width} height={1} />
      {totals.map((total, hour) => {
        const all = tall(total);
        const bad = Math.min(all, tall(failed[hour]!));
        return (
          <g key={hour}>
            <rect class="done" x={hour * bar} y={height - all} width={bar - 1} height={all - bad} />
            <rect class="failed" x={hour * bar} y={height - all + (all - bad)} width={bar - 1} height={bad} />
          </g>
        );
      })}
    </svg>
  );
}
