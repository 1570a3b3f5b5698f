import type { LeaseRecord } from '../../routes/fleet.ts';
import { act } from '../api.ts';
import { count, counted } from '../format.ts';
import type { Json } from '../json.ts';
import { Link } from '../location.tsx';
import { ActButton } from '../parts/act-button.tsx';
import { Age } from '../parts/ages.tsx';
import { AsOf } from '../parts/as-of.tsx';
import { Empty, PolledPart } from '../parts/states.tsx';
import { Table } from '../parts/table.tsx';
import { Touches } from '../parts/touches.tsx';
import { usePolled } from '../polling.ts';
import type { PageProps } from './page-props.ts';

/** The registry's leases: which host plans, and what the application has taken there. */
export function LeasesPage() {
  return (
    <>
      <div class="head">
        <h1>Hosts and leases</h1>
      </div>
      <p class="faint">
        The registry’s leases, with the hosts that have them. Each run has a lease in its tenant’s database;
        the page of a tenant leads there.
      </p>
      <Leases path="/api/leases" every={5_000} />
    </>
  );
}

export function TenantLeasesPage({ names }: PageProps) {
  const id = names.tenant!;
  return (
    <>
      <div class="head">
        <h1>
          <Link to={`/tenants/${encodeURIComponent(id)}`}>{id}</Link> / leases
        </h1>
      </div>
      <Touches what={`the database of ${id}`}>
        <Leases path={`/api/tenants/${encodeURIComponent(id)}/leases`} every={null} />
      </Touches>
    </>
  );
}

function Leases({ path, every }: { path: string; every: number | null }) {
  const leases = usePolled<Json<LeaseRecord>[]>(path, {}, { every });
  const release = (name: string) => async () => {
    const { released } = await act<{ released: Json<LeaseRecord> | null }>(`${path}/release`, { name });
    return released === null ? 'Nobody had it any more.' : `${released.owner} had it; it is free now.`;
  };
  return (
    <PolledPart polled={leases} of="the leases">
      {(rows, asOf) => (
        <>
          <div class="bar">
            <AsOf asOf={asOf} once={every === null} />
            {every === null && (
              <button type="button" class="quiet" onClick={leases.refresh}>
                Read again
              </button>
            )}
          </div>
          {rows.length === 0 ? (
            <Empty>No lease was ever taken here.</Empty>
          ) : (
            <Table<Json<LeaseRecord>>
              caption="Leases"
              rows={shownOf(rows)}
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
          {rows.length > mostShown && (
            <p class="faint">
              {counted(rows.length - mostShown, 'other lease')}; the command shows them all:{' '}
              <code>multi-outbox leases list</code>
            </p>
          )}
        </>
      )}
    </PolledPart>
  );
}

const mostShown = 100;

/** Leases are never removed; the held ones matter most. */
function shownOf(rows: readonly Json<LeaseRecord>[]): readonly Json<LeaseRecord>[] {
  if (rows.length <= mostShown) return rows;
  return rows.toSorted((one, other) => Number(other.held) - Number(one.held)).slice(0, mostShown);
}
