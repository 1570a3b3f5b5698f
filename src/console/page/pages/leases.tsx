import { useRef, useState } from 'preact/hooks';
import type { LeaseRecord, LeasesPage as LeasesAnswer } from '../../routes/leases.ts';
import { act } from '../api.ts';
import { count, counted } from '../format.ts';
import type { Json } from '../json.ts';
import { Link, type Place } from '../location.tsx';
import { ActButton } from '../parts/act-button.tsx';
import { Age } from '../parts/ages.tsx';
import { AsOf } from '../parts/as-of.tsx';
import { Empty, PolledPart } from '../parts/states.tsx';
import { Table } from '../parts/table.tsx';
import { Touches } from '../parts/touches.tsx';
import { usePolled } from '../polling.ts';
import type { PageProps } from './page-props.ts';

/** The registry's leases: which host plans, and what the application has taken there. */
export function LeasesPage({ place }: PageProps) {
  return (
    <>
      <div class="head">
        <h1>Hosts and leases</h1>
      </div>
      <p class="faint">
        The registry’s leases, with the hosts that have them. Each run has a lease in its tenant’s database;
        the page of a tenant leads there.
      </p>
      <Leases key={keyOf(place)} place={place} every={5_000} />
    </>
  );
}

export function TenantLeasesPage({ place, names }: PageProps) {
  const id = names.tenant!;
  return (
    <>
      <div class="head">
        <h1>
          <Link to={`/tenants/${encodeURIComponent(id)}`}>{id}</Link> / leases
        </h1>
      </div>
      <Touches what={`the database of ${id}`}>
        <Leases key={keyOf(place)} place={place} every={null} />
      </Touches>
    </>
  );
}

/** Another list is another part: nothing that was kept of one is shown in the next. */
const keyOf = ({ query: { owned, after } }: Place) => JSON.stringify([owned, after]);

interface LeasesProps {
  /** The address of the page, which has the same path as the leases. */
  place: Place;
  every: number | null;
}

function Leases({ place: { path: page, query }, every }: LeasesProps) {
  const { owned = 'true', after } = query;
  const path = `/api${page}`;
  const leases = usePolled<Json<LeasesAnswer>>(
    path,
    { owned, ...(after !== undefined && { after }) },
    { every },
  );
  const [isActing, setIsActing] = useState(false);
  // A lease that was released leaves the list of those that are taken, and the dialog that says so would go with its row.
  const kept = useRef<Json<LeasesAnswer> | null>(null);
  const release = (name: string) => async () => {
    const { released } = await act<{ released: Json<LeaseRecord> | null }>(`${path}/release`, { name });
    return released === null ? 'Nobody had it any more.' : `${released.owner} had it; it is free now.`;
  };
  return (
    <PolledPart polled={leases} of="the leases">
      {(data, asOf) => {
        if (!isActing || kept.current === null) kept.current = data;
        const { leases: rows, next } = kept.current;
        return (
          <>
            <div class="bar">
              <nav class="chips" aria-label="Which leases">
                {[
                  ['true', 'Taken'],
                  ['false', 'All'],
                ].map(([which, title]) => (
                  <Link key={which} to={page} query={{ owned: which }} current={owned === which} class="chip">
                    {title}
                  </Link>
                ))}
              </nav>
              <AsOf asOf={asOf} once={every === null} />
              {every === null && (
                <button type="button" class="quiet" onClick={leases.refresh}>
                  Read again
                </button>
              )}
            </div>
            {rows.length === 0 ? (
              <Empty>{emptyText(owned, after)}</Empty>
            ) : (
              <Table<Json<LeaseRecord>>
                caption="Leases"
                rows={rows}
                keyOf={({ name }) => name}
                columns={[
                  { title: 'Lease', cell: ({ name }) => name },
                  {
                    title: 'State',
                    cell: ({ held, owner }) => (
                      <span class={`badge ${held ? 'good' : owner === null ? '' : 'warn'}`}>
                        {held ? 'held' : owner === null ? 'free' : 'expired'}
                      </span>
                    ),
                  },
                  { title: 'Host', long: true, cell: ({ owner }) => owner ?? '' },
                  { title: 'Fence', number: true, cell: ({ fence }) => count(fence) },
                  {
                    title: 'Taken',
                    number: true,
                    cell: ({ acquiredUtc, owner }) => (
                      <Age utc={owner === null ? null : acquiredUtc} asOf={asOf} past="ago" />
                    ),
                  },
                  {
                    title: 'Ends',
                    number: true,
                    cell: ({ expiresUtc }) => <Age utc={expiresUtc} asOf={asOf} past="ago" />,
                  },
                  { title: 'Context', long: true, cell: ({ context }) => context ?? '' },
                  {
                    title: 'Act',
                    cell: ({ name, owner }) => (
                      <ActButton
                        label="Release"
                        right="act"
                        when={owner !== null}
                        run={release(name)}
                        onDone={leases.refresh}
                        onOpen={setIsActing}
                      >
                        <p>
                          {name} of {owner} becomes free. {owner} notices that at its next renewal; until then
                          both it and the next holder may work.
                        </p>
                      </ActButton>
                    ),
                  },
                ]}
              />
            )}
            <p class="pager">
              {counted(rows.length, 'lease')} on this page
              {after !== undefined && (
                <Link to={page} query={{ owned }} class="button">
                  First page
                </Link>
              )}
              {next !== null && (
                <Link to={page} query={{ owned, after: next }} class="button">
                  Next 100
                </Link>
              )}
            </p>
          </>
        );
      }}
    </PolledPart>
  );
}

function emptyText(owned: string, after: string | undefined): string {
  if (after !== undefined) return 'No further lease.';
  return owned === 'true' ? 'No lease is taken here now.' : 'No lease was ever taken here.';
}
