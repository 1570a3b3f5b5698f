/** S4: which hosts have leases in the registry. */
import { leaseHosts, mostRead } from '../../../src/console/fleet/lease-hosts.ts';
import type { LeaseRecord } from '../../../src/engine/lease-store.ts';

const at = (minute: number) => new Date(Date.UTC(2026, 0, 1, 0, minute));
const lease = (name: string, owner: string, minute: number, held = true): LeaseRecord => ({
  name,
  owner,
  fence: 1,
  acquisitionId: 'a',
  acquiredUtc: at(minute),
  renewedUtc: at(minute),
  expiresUtc: at(minute + 1),
  context: null,
  held,
});

test('S4: leases are counted by host and process, the one that plans first, then by their number', () => {
  expect(
    leaseHosts([
      lease('a', 'web-2:7:0a1b2c3d:11111111', 9),
      lease('b', 'web-2:7:0a1b2c3d:22222222', 3),
      lease('c', 'nightly', 5, false),
      lease('plan', 'web-1:42:ffffffff', 8),
    ]),
  ).toEqual({
    hosts: [
      { host: 'web-1:42', leases: 1, first: 'plan' },
      { host: 'web-2:7', leases: 2, first: 'a' },
      { host: 'nightly', leases: 1, first: 'c' },
    ],
    hostsInAll: 3,
    leases: 4,
    isCut: false,
    expired: 1,
    oldest: { name: 'b', host: 'web-2:7', acquiredUtc: at(3).toISOString() },
  });
});

test('S4: without a lease there is no host and no oldest', () => {
  expect(leaseHosts([])).toEqual({
    hosts: [],
    hostsInAll: 0,
    leases: 0,
    isCut: false,
    expired: 0,
    oldest: null,
  });
});

test('S4: of very many leases those that plan are counted too, once, with their hosts first', () => {
  const many = Array.from({ length: mostRead + 1 }, (_, index) => lease(`job-${index}`, 'worker:1', 1));
  const plan = lease('plan', 'web-1:42:ffffffff', 8);
  const second = lease('plan:2/2', 'web-2:7:0a1b2c3d', 9);
  expect(leaseHosts(many, [plan, lease('planet', 'space', 1), second])).toMatchObject({
    hosts: [
      { host: 'web-1:42', leases: 1, first: 'plan' },
      { host: 'web-2:7', leases: 1, first: 'plan:2/2' },
      { host: 'worker:1', leases: mostRead },
    ],
    hostsInAll: 3,
    leases: mostRead + 2,
    isCut: true,
  });
  const other = Array.from({ length: mostRead }, (_, index) => lease(`s${index}`, 'worker:1', 1));
  expect(leaseHosts([plan, ...other], [plan]).leases).toBe(mostRead);
});

test('S4: of very many leases a bounded number is counted, and few hosts are named', () => {
  const many = Array.from({ length: mostRead + 1 }, (_, index) =>
    lease(`l${index}`, `owner ${index % 50}`, 1),
  );
  const counted = leaseHosts(many);
  expect(counted).toMatchObject({ leases: mostRead, isCut: true, hostsInAll: 50 });
  expect(counted.hosts).toHaveLength(10);
});
