import type { Equivalent } from './equivalent.ts';

export const leaseAndLocalEquivalents: readonly Equivalent[] = [
  {
    file: 'src/lease/heartbeat.ts',
    line: '#extensions = 0;',
    mutant: '0 → 1',
    why: 'Counts are only compared with one another.',
  },
  {
    file: 'src/lease/heartbeat.ts',
    line: 'this.#extensions++;',
    mutant: '++ → --',
    why: 'Counts are only compared with one another.',
  },
  {
    file: 'src/lease/leases.ts',
    line: 'if (found === undefined || found.owner === null || found.acquisitionId === null) return null;',
    mutant: 'found === undefined || found.owner === null → (found === undefined)',
    why: 'The release of a lease without an owner finds no row, which is null as well.',
  },
  {
    file: 'src/lease/leases.ts',
    line: 'if (found === undefined || found.owner === null || found.acquisitionId === null) return null;',
    mutant:
      'found === undefined || found.owner === null || found.acquisitionId === null → (found === undefined || found.owner === null)',
    why: 'The release of a lease without an acquisition finds no row, which is null as well.',
  },
  {
    file: 'src/lease/leases.ts',
    line: 'randomUUID().slice(0, 8)',
    mutant: 'randomUUID().slice(0, 8) → randomUUID()',
    why: 'Any part of a UUID distinguishes owners.',
  },
  {
    file: 'src/lease/leases.ts',
    line: 'randomUUID().slice(0, 8)',
    mutant: '0 → 1',
    why: 'Any part of a UUID distinguishes owners.',
  },
  {
    file: 'src/lease/leases.ts',
    line: 'randomUUID().slice(0, 8)',
    mutant: '8 → (2 * 8)',
    why: 'Any part of a UUID distinguishes owners.',
  },
  {
    file: 'src/lease/leases.ts',
    line: 'if (durationMs === null || durationMs < 100 || durationMs > longestLeaseMs) {',
    mutant: 'durationMs === null || durationMs < 100 → (durationMs < 100)',
    why: 'null is less than 100.',
  },
  {
    file: 'src/local/host.ts',
    line: 'let waiting = true;',
    mutant: 'true → false',
    why: 'A plan sets it before anything reads it.',
  },
  {
    file: 'src/local/host.ts',
    line: 'let planAgain = false;',
    mutant: 'false → true',
    why: 'The loop sets it before anything reads it.',
  },
  {
    file: 'src/local/host.ts',
    line: 'let fruitless = 0;',
    mutant: '0 → 1',
    why: 'The first plan is not early, and sets it before anything reads it.',
  },
];
