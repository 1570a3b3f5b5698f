import type { LeaseRecord } from '../../routes/fleet.ts';
import { counted } from '../format.ts';
import type { Json } from '../json.ts';
import { Link } from '../location.tsx';
import { usePolled } from '../polling.ts';
import { Age } from './ages.tsx';
import { PartAsOf } from './as-of.tsx';
import { PolledPart } from './states.tsx';

const mostShown = 3;

/** One line: which hosts have leases in the registry. */
export function PulseHosts() {
  const leases = usePolled<Json<LeaseRecord>[]>('/api/leases', {}, { every: 10_000 });
  return (
    <div class="hosts">
      <PolledPart polled={leases} of="the leases">
        {(rows, asOf) => <Line rows={rows} asOf={asOf} />}
      </PolledPart>
    </div>
  );
}

function Line({ rows, asOf }: { rows: readonly Json<LeaseRecord>[]; asOf: Date }) {
  const owned = rows.filter(({ owner }) => owner !== null);
  const expired = owned.filter(({ held }) => !held).length;
  return (
    <p>
      <Link to="/leases">Hosts and leases</Link>:{' '}
      {owned.length === 0 && <span class="faint">no host has a lease in the registry</span>}
      {owned.slice(0, mostShown).map(({ name, owner, held, expiresUtc }, index) => (
        <span key={name}>
          {index > 0 && '; '}
          {name} <span class="faint">{held ? 'held by' : 'expired, of'}</span> {owner}
          {held && (
            <span class="faint">
              , ends <Age utc={expiresUtc} asOf={asOf} past="ago" />
            </span>
          )}
        </span>
      ))}
      {owned.length > mostShown && `; ${counted(owned.length - mostShown, 'other lease')}`}
      {expired > 0 && <span class="count warn"> {counted(expired, 'lease')} expired</span>}{' '}
      <PartAsOf asOf={asOf} />
    </p>
  );
}
