import type { LeaseHosts } from '../../routes/leases.ts';
import { count, counted } from '../format.ts';
import { Link } from '../location.tsx';
import { usePolled } from '../polling.ts';
import { Age } from './ages.tsx';
import { PartAsOf } from './as-of.tsx';
import { PolledPart } from './states.tsx';

const mostShown = 3;

/** One line: which hosts have leases in the registry. */
export function PulseHosts() {
  const hosts = usePolled<LeaseHosts>('/api/leases-by-host', {}, { every: 10_000 });
  return (
    <div class="hosts">
      <PolledPart polled={hosts} of="the leases">
        {(data, asOf) => <Line data={data} asOf={asOf} />}
      </PolledPart>
    </div>
  );
}

function Line({ data, asOf }: { data: LeaseHosts; asOf: Date }) {
  const { hosts, hostsInAll, leases, isCut, expired, oldest } = data;
  const others = hostsInAll - Math.min(hosts.length, mostShown);
  return (
    <p>
      <Link to="/leases">Hosts and leases</Link>:{' '}
      {hosts.length === 0 && <span class="faint">no host has a lease in the registry</span>}
      {hosts.slice(0, mostShown).map(({ host, leases, first }, index) => (
        <span key={host}>
          {index > 0 && '; '}
          {host} <span class="faint">has</span> {leases === 1 ? first : counted(leases, 'lease')}
        </span>
      ))}
      {others > 0 && `; ${counted(others, 'other host')}`}
      {oldest !== null && (
        <span class="faint">
          {leases === 1 ? ', taken ' : `; the oldest, ${oldest.name}, was taken `}
          <Age utc={oldest.acquiredUtc} asOf={asOf} past="ago" />
        </span>
      )}
      {isCut && <span class="faint">; of more leases, {count(leases)} are counted here</span>}
      {expired > 0 && <span class="count warn"> {counted(expired, 'lease')} expired</span>}{' '}
      <PartAsOf asOf={asOf} />
    </p>
  );
}
