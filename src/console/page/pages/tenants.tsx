import { useEffect, useState } from 'preact/hooks';
import type { TenantsPage as TenantsAnswer } from '../../routes/tenants.ts';
import type { SortName } from '../../tenants/sort.ts';
import type { TenantsSummary } from '../../tenants/summary.ts';
import { clock, count, counted } from '../format.ts';
import { addressOf, go, Link } from '../location.tsx';
import { mostTenants } from '../operation-rules.ts';
import { AsOf } from '../parts/as-of.tsx';
import { ChooseAll, type Chosen } from '../parts/choose-all.tsx';
import { FilterBar } from '../parts/filter-bar.tsx';
import { ManyTenantsActs } from '../parts/many-tenants-acts.tsx';
import { ManyTenantsOverrides } from '../parts/many-tenants-overrides.tsx';
import { Empty, PolledPart } from '../parts/states.tsx';
import { TenantTable } from '../parts/tenant-table.tsx';
import { usePolled } from '../polling.ts';
import { useRight } from '../rights.ts';
import type { PageProps } from './page-props.ts';

/** The conditions that are asked for most, as words of the filter. */
const chips: readonly (readonly [title: string, word: string, count: (summary: TenantsSummary) => number])[] =
  [
    ['All', '', ({ total }) => total],
    ['Failing', 'is:failing', ({ conditions }) => conditions.failing],
    ['Failing topics', 'is:failing-topics', ({ conditions }) => conditions['failing-topics']],
    ['Dead', 'is:dead', ({ conditions }) => conditions.dead],
    ['Backlog', 'is:backlog', ({ conditions }) => conditions.backlog],
    ['Parked', 'is:parked', ({ conditions }) => conditions.parked],
    ['Blocked', 'is:blocked', ({ conditions }) => conditions.blocked],
    ['Overdue', 'is:overdue', ({ conditions }) => conditions.overdue],
    ['Paused', 'status:paused', ({ status }) => status.paused ?? 0],
  ];

export function TenantsPage({ place }: PageProps) {
  const { q = '', sort = 'id', desc = 'false', after } = place.query;
  const query = { q, sort, desc, ...(after !== undefined && { after }) };
  const page = usePolled<TenantsAnswer>('/api/tenants', query);
  const summary = usePolled<TenantsSummary>('/api/tenants-summary', {}, { every: 10_000 });
  const move = (change: Record<string, string | undefined>, how?: 'push' | 'replace') =>
    go(addressOf('/tenants', { ...place.query, after: undefined, ...change }), how);
  const sorting = {
    sort: sort as SortName,
    desc: desc === 'true',
    // The first click shows the most and the oldest, except for names.
    by: (by: SortName) =>
      move({ sort: by, desc: String(by === sort ? desc !== 'true' : !['id', 'nextDue'].includes(by)) }),
  };
  const [isActing, setIsActing] = useState(false);
  useNarrowed(place.query, page.data, isActing);
  const { chosen, choosing, chooseAll } = useChosen(query, page.data);
  const [mayWake, mayConfigure] = [useRight('act'), useRight('configure')];
  const mayAct = mayWake || mayConfigure;
  const hasRows = (page.data?.rows.length ?? 0) > 0;
  const acts = {
    chosen,
    when: hasRows,
    onOpen: setIsActing,
  };
  const matching = page.data?.matching ?? (q.trim() === '' ? summary.data?.total : undefined);
  return (
    <>
      <div class="head">
        <h1>
          Tenants{' '}
          {matching !== undefined && (
            <span class="faint">{q.trim() === '' ? count(matching) : `${count(matching)} match`}</span>
          )}
        </h1>
        <AsOf asOf={page.asOf} note="counts are those of each tenant’s last run" />
      </div>
      <div class="tools">
        <FilterBar
          value={q}
          words={wordsOf(summary.data)}
          onChange={(text) => move({ q: text }, 'replace')}
        />
        <a class="button" href={addressOf('/api/tenants.csv', { q, sort, desc })} download>
          CSV
        </a>
      </div>
      <nav
        class="chips"
        aria-label="Frequent filters"
        title={summary.asOf === null ? undefined : `counts as of ${clock(summary.asOf)}`}
      >
        {chips.map(([title, word, of]) => (
          <Link
            key={title}
            to="/tenants"
            query={{ ...place.query, after: undefined, q: word }}
            current={q.trim() === word}
            class="chip"
          >
            {title} {summary.data !== null && <span class="faint">{count(of(summary.data))}</span>}
          </Link>
        ))}
      </nav>
      {mayAct && (
        // Not within the table's part: its page may become empty, or another, while an act is asked about.
        <div class={hasRows ? 'bar' : undefined}>
          <ManyTenantsActs {...acts} />
          <ManyTenantsOverrides {...acts} />
          {hasRows && (
            <>
              <span class="faint">{chosenText(chosen)}</span>
              <ChooseAll q={q} onChoose={chooseAll} />
            </>
          )}
        </div>
      )}
      <PolledPart polled={page} of="the tenants">
        {({ rows, next }, asOf) =>
          rows.length === 0 ? (
            <NoTenants isFiltered={q.trim() !== ''} isBehind={after !== undefined} />
          ) : (
            <>
              <TenantTable
                rows={rows}
                asOf={asOf}
                caption="Tenants"
                sorting={sorting}
                {...(mayAct && { choosing })}
              />
              <p class="pager">
                {counted(rows.length, 'row')} on this page
                {after !== undefined && (
                  <Link to="/tenants" query={{ ...place.query, after: undefined }} class="button">
                    First page
                  </Link>
                )}
                {next !== null && (
                  <Link to="/tenants" query={{ ...place.query, after: next }} class="button">
                    Next 100
                  </Link>
                )}
              </p>
            </>
          )
        }
      </PolledPart>
    </>
  );
}

/** What is chosen: rows of the page, or all that match. Another filter, order or page chooses nothing. */
function useChosen(query: Readonly<Record<string, string>>, data: TenantsAnswer | null) {
  const key = JSON.stringify(query);
  const [state, setState] = useState<{ key: string; ids: ReadonlySet<string>; all: Chosen | null }>({
    key,
    ids: new Set(),
    all: null,
  });
  const { ids, all } = state.key === key ? state : { ids: new Set<string>(), all: null };
  const rows = (data?.rows ?? []).filter(({ id }) => ids.has(id));
  const idsOf = (wanted: string) => rows.filter(({ status }) => status === wanted).map(({ id }) => id);
  const chosen: Chosen = all ?? { active: idsOf('active'), paused: idsOf('paused'), matching: null };
  const choose = (changed: readonly string[], isChosen: boolean) => {
    if (all !== null) {
      setState({ key, ids, all: changedOf(all, changed, isChosen, data) });
      return;
    }
    const next = new Set(ids);
    for (const id of changed) isChosen ? next.add(id) : next.delete(id);
    setState({ key, ids: next, all: null });
  };
  const shown = all === null ? ids : new Set([...all.active, ...all.paused]);
  return {
    chosen,
    choosing: { chosen: shown, choose },
    chooseAll: (matching: Chosen) => setState({ key, ids: new Set(), all: matching }),
  };
}

/** All that were chosen, with these of the page or without them. */
function changedOf(
  all: Chosen,
  changed: readonly string[],
  isChosen: boolean,
  data: TenantsAnswer | null,
): Chosen {
  const ids = new Set(changed);
  const listOf = (status: 'active' | 'paused') => {
    const others = all[status].filter((id) => !ids.has(id));
    const added = (data?.rows ?? []).filter((row) => isChosen && row.status === status && ids.has(row.id));
    return [...others, ...added.map(({ id }) => id)];
  };
  return { ...all, active: listOf('active'), paused: listOf('paused') };
}

function chosenText({ active, paused, matching }: Chosen): string {
  const number = active.length + paused.length;
  if (matching === null && number === 0) return 'Choose tenants to act on them';
  const tooMany = number > mostTenants ? ` (an operation takes ${count(mostTenants)}: filter further)` : '';
  const words = `${count(active.length)} active and ${count(paused.length)} paused chosen${tooMany}`;
  if (matching === null) return words;
  return `${words}, of ${counted(matching.tenants, 'tenant')} that matched as of ${clock(matching.asOf)}`;
}

function NoTenants({ isFiltered, isBehind }: { isFiltered: boolean; isBehind: boolean }) {
  if (isFiltered || isBehind)
    return (
      <Empty>
        No tenant matches. <Link to="/tenants">Show all</Link>
      </Empty>
    );
  return (
    <Empty>
      There are no tenants yet. Add one with <code>multi-outbox tenants add ID</code>.
    </Empty>
  );
}

const fixedWords = [
  ...[
    'failing',
    'failing-topics',
    'dead',
    'backlog',
    'parked',
    'blocked',
    'overdue',
    'never-run',
    'unreadable',
  ].map((word) => `is:${word}`),
  ...['active', 'paused', 'retired'].map((word) => `status:${word}`),
];

function wordsOf(summary: TenantsSummary | null): { word: string; count: number | null }[] {
  const fixed = fixedWords.map((word) => {
    const [field, value] = word.split(':') as [string, string];
    const counts: Readonly<Record<string, number>> | undefined =
      field === 'is' ? summary?.conditions : summary?.status;
    return { word, count: summary === null ? null : (counts?.[value] ?? 0) };
  });
  return [...fixed, ...(summary?.words ?? [])];
}

/** A page that has become empty, because its tenants have changed, goes back to the first one; not while an act is asked about. */
function useNarrowed(
  query: Readonly<Record<string, string>>,
  data: TenantsAnswer | null,
  isActing: boolean,
): void {
  useEffect(() => {
    if (!isActing && data?.rows.length === 0 && query.after !== undefined)
      go(addressOf('/tenants', { ...query, after: undefined }), 'replace');
  }, [data, isActing]);
}
