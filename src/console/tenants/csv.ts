import type { TenantRow } from './tenant-row.ts';

const columns: readonly (readonly [title: string, of: (row: TenantRow) => string | number | null])[] = [
  ['id', ({ id }) => id],
  ['status', ({ status }) => status],
  [
    'tags',
    ({ tags }) =>
      Object.entries(tags)
        .map((pair) => pair.join('='))
        .join(' '),
  ],
  ['server', ({ server }) => server],
  ['database', ({ database }) => database],
  ['lastRunUtc', ({ lastRunUtc }) => lastRunUtc],
  ['lastOutcome', ({ lastOutcome }) => lastOutcome],
  ['nextDueUtc', ({ nextDueUtc }) => nextDueUtc],
  ['ready', ({ counts }) => counts?.ready ?? null],
  ['due', ({ counts }) => counts?.due ?? null],
  ['oldestDueUtc', ({ oldestDueUtc }) => oldestDueUtc],
  ['blocked', ({ counts }) => counts?.blocked ?? null],
  ['dead', ({ counts }) => counts?.dead ?? null],
  ['parked', ({ counts }) => counts?.parked ?? null],
  ['failureStreak', ({ failureStreak }) => failureStreak],
  ['failingTopics', ({ failingTopics }) => failingTopics],
  ['errorCode', ({ errorCode }) => errorCode],
  ['countsAsOfUtc', ({ countedUtc }) => countedUtc],
  ['atLeast', ({ atLeast }) => atLeast.join(' ')],
];

export function csvOf(rows: readonly TenantRow[]): string {
  const lines = rows.map((row) => columns.map(([, of]) => cell(of(row))).join(','));
  return `${[columns.map(([title]) => title).join(','), ...lines].join('\r\n')}\r\n`;
}

/** A cell that begins like a formula gets an apostrophe before it, because spreadsheets would calculate it. */
function cell(value: string | number | null): string {
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
