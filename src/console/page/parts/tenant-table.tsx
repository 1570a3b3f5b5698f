import type { Activity } from '../../tenants/activity.ts';
import type { SortName } from '../../tenants/sort.ts';
import type { TenantRow } from '../../tenants/tenant-row.ts';
import { usePolled } from '../polling.ts';
import { Age } from './ages.tsx';
import { Troubles } from './badges.tsx';
import { Count } from './numbers.tsx';
import { Scroll } from './scroll.tsx';
import { Sparkline } from './sparkline.tsx';
import { TenantLink } from './tenant-link.tsx';

export interface Sorting {
  readonly sort: SortName;
  readonly desc: boolean;
  /** A click on a column. */
  by(sort: SortName): void;
}

interface TenantTableProps {
  rows: readonly TenantRow[];
  asOf: Date;
  caption: string;
  sorting?: Sorting;
  choosing?: Choosing;
}

/** Rows are chosen by their ids. */
export interface Choosing {
  readonly chosen: ReadonlySet<string>;
  choose(ids: readonly string[], isChosen: boolean): void;
}

const columns: readonly { title: string; sort?: SortName; number?: boolean; explained?: string }[] = [
  { title: 'Tenant', sort: 'id' },
  { title: 'Trouble', sort: 'failing' },
  { title: 'Dead', sort: 'dead', number: true },
  { title: 'Due', sort: 'due', number: true, explained: 'messages that are due and not blocked' },
  { title: 'Oldest', sort: 'oldest', number: true, explained: 'how long the oldest due message has waited' },
  {
    title: 'Waiting',
    sort: 'ready',
    number: true,
    explained: 'all Ready messages, those due later included',
  },
  { title: 'Last run', sort: 'lastRun', number: true },
  { title: 'Next due', sort: 'nextDue', number: true },
  { title: '24 hours', explained: 'what was done and what failed, read once a minute' },
  { title: 'Tags' },
];

export function TenantTable({ rows, asOf, caption, sorting, choosing }: TenantTableProps) {
  const known = rows.filter(({ hasOddId }) => !hasOddId).map(({ id }) => id);
  const ids = known.join(',');
  const activity = usePolled<Record<string, Activity>>(
    ids === '' ? null : '/api/tenants-activity',
    { ids },
    { every: 60_000 },
  );
  return (
    <Scroll label={caption}>
      <table class={choosing && 'chosen'}>
        <caption class="unseen">{caption}</caption>
        <thead>
          <tr>
            {choosing !== undefined && (
              <th scope="col">
                <input
                  type="checkbox"
                  aria-label="Choose all of this page"
                  disabled={known.length === 0}
                  checked={known.length > 0 && known.every((id) => choosing.chosen.has(id))}
                  onChange={(event) => choosing.choose(known, event.currentTarget.checked)}
                />
              </th>
            )}
            {columns.map(({ title, sort, number, explained }) => (
              <th
                key={title}
                scope="col"
                class={number ? 'number' : undefined}
                title={explained}
                aria-sort={
                  sorting !== undefined && sorting.sort === sort
                    ? sorting.desc
                      ? 'descending'
                      : 'ascending'
                    : undefined
                }
              >
                {sorting !== undefined && sort !== undefined ? (
                  <button type="button" onClick={() => sorting.by(sort)}>
                    {title}
                    <span aria-hidden="true">
                      {sorting.sort === sort ? (sorting.desc ? ' ↓' : ' ↑') : ''}
                    </span>
                  </button>
                ) : (
                  title
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <Row key={row.id} row={row} asOf={asOf} activity={activity.data?.[row.id]} choosing={choosing} />
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

interface RowProps {
  row: TenantRow;
  asOf: Date;
  activity: Activity | undefined;
  choosing: Choosing | undefined;
}

function Row({ row, asOf, activity, choosing }: RowProps) {
  const { counts, atLeast, tags } = row;
  return (
    <tr class={row.status === 'retired' ? 'retired' : undefined}>
      {choosing !== undefined && (
        <td>
          <input
            type="checkbox"
            aria-label={`Choose ${row.id}`}
            disabled={row.hasOddId}
            checked={choosing.chosen.has(row.id)}
            onChange={(event) => choosing.choose([row.id], event.currentTarget.checked)}
          />
        </td>
      )}
      <th scope="row">
        <TenantLink row={row} />
      </th>
      <td>
        <Troubles row={row} />
      </td>
      <td class="number">
        <Count value={counts?.dead} tone="bad" atLeast={atLeast.includes('dead')} />
      </td>
      <td class="number">
        <Count value={counts?.due} atLeast={atLeast.includes('due')} />
      </td>
      <td class="number">
        <Age utc={row.oldestDueUtc} asOf={asOf} />
      </td>
      <td class="number">
        <Count value={counts?.ready} atLeast={atLeast.includes('ready')} />
      </td>
      <td class="number">
        <Age utc={row.lastRunUtc} asOf={asOf} past="ago" none="never" />
      </td>
      <td class="number">
        {row.status === 'active' ? (
          <Age utc={row.nextDueUtc} asOf={asOf} past="late" none="on wake" />
        ) : (
          <span class="faint">–</span>
        )}
      </td>
      <td>
        <Sparkline activity={activity} />
      </td>
      <td class="tags">
        {Object.entries(tags).map(([key, value]) => (
          <span class="tag" key={key}>
            {key}={value}
          </span>
        ))}
      </td>
    </tr>
  );
}
