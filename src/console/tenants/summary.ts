/** How many tenants are in which condition, and which words a filter can use. */
import { conditions } from './filter.ts';
import type { TenantRow } from './tenant-row.ts';

export interface TenantsSummary {
  readonly total: number;
  readonly status: Readonly<Record<string, number>>;
  readonly conditions: Readonly<Record<keyof typeof conditions, number>>;
  /** Words of the filter's language, with how many tenants each selects; the most frequent come first. */
  readonly words: readonly { readonly word: string; readonly count: number }[];
}

const mostWords = 200;

export function summaryOf(rows: readonly TenantRow[], now: number): TenantsSummary {
  const status: Record<string, number> = {};
  const counts = Object.fromEntries(Object.keys(conditions).map((name) => [name, 0])) as Record<
    keyof typeof conditions,
    number
  >;
  const words = new Map<string, number>();
  const count = (field: string, value: string) => {
    if (value === '' || value.includes('"')) return;
    const word = /\s/.test(value) ? `${field}:"${value}"` : `${field}:${value}`;
    // Tags can be different for every tenant, such as a customer's number.
    if (words.size < 20_000 || words.has(word)) words.set(word, (words.get(word) ?? 0) + 1);
  };
  for (const row of rows) {
    status[row.status] = (status[row.status] ?? 0) + 1;
    for (const [name, holds] of Object.entries(conditions))
      if (row.status !== 'retired' && holds(row, now)) counts[name as keyof typeof conditions]++;
    for (const [key, value] of Object.entries(row.tags)) count('tag', `${key}=${value}`);
    count('server', row.server);
    if (row.errorCode !== null) count('error', row.errorCode);
  }
  return {
    total: rows.length,
    status,
    conditions: counts,
    words: [...words]
      .map(([word, number]) => ({ word, count: number }))
      .sort((a, b) => b.count - a.count || (a.word < b.word ? -1 : 1))
      .slice(0, mostWords),
  };
}
