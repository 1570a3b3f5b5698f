/** L2: a lease is free from the very millisecond at which its time is up, and held until then. */
import { heldByAnother } from '../../../src/engine/sqlite/lease-store.ts';

const expiresUtc = 1_700_000_000_000;
const row = (Owner: string | null, Now: number) => ({
  Owner,
  RenewedUtc: expiresUtc - 60_000,
  ExpiresUtc: expiresUtc,
  Now,
});

test.each([
  [expiresUtc - 1, { status: 'leased-elsewhere', owner: 'host-1', expiresInMs: 1 }],
  [expiresUtc, null],
  [expiresUtc + 1, null],
])('L2: a lease that runs out at 1700000000000, asked at %p', (now, expected) => {
  expect(heldByAnother(row('host-1', now), 'host-2')).toEqual(expected);
});

test('L2: its owner may take it at any time; a lease without an owner, anyone', () => {
  expect(heldByAnother(row('host-1', expiresUtc - 1), 'host-1')).toBeNull();
  expect(heldByAnother({ ...row(null, expiresUtc - 1), ExpiresUtc: null }, 'host-2')).toBeNull();
});
