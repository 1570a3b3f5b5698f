/** L2: a lease is free from the very millisecond at which its time is up, and held until then. */
import { heldBy } from '../../../src/engine/sqlite/lease-store.ts';

const expiresUtc = 1_700_000_000_000;

test.each([
  [expiresUtc - 1, { status: 'leased-elsewhere', owner: 'host-1', expiresInMs: 1 }],
  [expiresUtc, null],
  [expiresUtc + 1, null],
])('L2: a lease that runs out at 1700000000000, asked at %p', (now, expected) => {
  expect(heldBy('host-1', expiresUtc, now, 'host-2')).toEqual(
    expected && expect.objectContaining({ expiresInMs: 1 }),
  );
});

test('L2: its owner may take it at any time; a lease without an owner, anyone', () => {
  expect(heldBy('host-1', expiresUtc, 0, 'host-1')).toBeNull();
  expect(heldBy(null, null, 0, 'host-2')).toBeNull();
});
