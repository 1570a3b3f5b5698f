import type { History } from '../../../fleet/operations/history.ts';
import { duration } from '../format.ts';
import type { Json } from '../json.ts';
import { Count } from './numbers.tsx';
import { Scroll } from './scroll.tsx';
import { Empty } from './states.tsx';

const hour = new Intl.DateTimeFormat('en-GB', { weekday: 'short', hour: '2-digit', minute: '2-digit' });

/** The hours in which runs did something, the latest first. */
export function TenantHistory({ history }: { history: Json<History> }) {
  const points = [...history.points].reverse();
  if (points.length === 0) return <Empty>No run has done anything.</Empty>;
  const most = Math.max(...points.map(({ counts }) => counts.done + counts.retried + counts.dead));
  return (
    <Scroll label="History by hour">
      <table>
        <thead>
          <tr>
            <th scope="col">Hour</th>
            <th scope="col">Messages</th>
            {[
              'Done',
              'Retried',
              'Died',
              'Runs',
              'Failed',
              'Wait p50',
              'Wait p99',
              'Handler p50',
              'Handler p99',
            ].map((title) => (
              <th scope="col" class="number" key={title}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {points.map(({ utc, runs, failedRuns, counts, wait, handle }) => (
            <tr key={utc}>
              <th scope="row">
                <time dateTime={utc}>{hour.format(new Date(utc))}</time>
              </th>
              <td>
                <Bar done={counts.done} failed={counts.retried + counts.dead} most={most} />
              </td>
              <td class="number">
                <Count value={counts.done} />
              </td>
              <td class="number">
                <Count value={counts.retried} tone="warn" />
              </td>
              <td class="number">
                <Count value={counts.dead} tone="bad" />
              </td>
              <td class="number">
                <Count value={runs} />
              </td>
              <td class="number">
                <Count value={failedRuns} tone="bad" />
              </td>
              {[wait.p50Ms, wait.p99Ms, handle.p50Ms, handle.p99Ms].map((ms, index) => (
                <td class="number" key={index}>
                  {ms === null ? <span class="faint">–</span> : duration(ms)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

const width = 120;

function Bar({ done, failed, most }: { done: number; failed: number; most: number }) {
  const wide = (value: number) => (most === 0 || value === 0 ? 0 : Math.max(1, (value / most) * width));
  return (
    <svg class="share" width={width} height={10} aria-hidden="true">
      <rect class="done" x={0} y={1} width={wide(done)} height={8} />
      <rect class="failed" x={wide(done)} y={1} width={wide(failed)} height={8} />
    </svg>
  );
}
