/** The orders of the table of tenants, and its pages by key. */
import type { TenantRow } from './tenant-row.ts';

type Key = number | string | null;

const time = (utc: string | null): Key => (utc === null ? null : Date.parse(utc));

/** What a column sorts by; null comes last in either direction. */
export const sortKeys = {
  id: ({ id }) => id,
  lastRun: ({ lastRunUtc }) => time(lastRunUtc),
  nextDue: ({ nextDueUtc }) => time(nextDueUtc),
  ready: ({ counts }) => counts?.ready ?? null,
  due: ({ counts }) => counts?.due ?? null,
  /** The age of the oldest due message: the oldest comes first when it descends. */
  oldest: ({ oldestDueUtc }) => (oldestDueUtc === null ? null : -Date.parse(oldestDueUtc)),
  dead: ({ counts }) => counts?.dead ?? null,
  blocked: ({ counts }) => counts?.blocked ?? null,
  failing: ({ failureStreak, failingTopics }) => failureStreak * 100 + failingTopics,
} satisfies Record<string, (row: TenantRow) => Key>;
export type SortName = keyof typeof sortKeys;

export interface Order {
  readonly sort: SortName;
  readonly desc: boolean;
}

/** A place behind a row: its key and its id, so that a page goes on although the row has changed or gone. */
interface Place {
  readonly key: Key;
  readonly id: string;
}

export function comparer({ sort, desc }: Order): (a: Place, b: Place) => number {
  const sign = desc ? -1 : 1;
  // Of equal keys, ids ascend in either direction, unless the id is the key.
  const idSign = sort === 'id' ? sign : 1;
  return (a, b) => {
    if (a.key !== b.key) {
      if (a.key === null) return 1;
      if (b.key === null) return -1;
      return a.key < b.key ? -sign : sign;
    }
    return a.id < b.id ? -idSign : a.id > b.id ? idSign : 0;
  };
}

export function placeOf(row: TenantRow, { sort }: Order): Place {
  return { key: sortKeys[sort](row), id: row.id };
}

export function cursorOf(row: TenantRow, order: Order): string {
  const { key, id } = placeOf(row, order);
  return `${typeof key === 'number' ? key : ''}~${id}`;
}

/** Null when the text is not a cursor of this order. */
export function placeFrom(cursor: string, { sort }: Order): Place | null {
  const [, number, id] = /^(-?\d{0,16})~(.*)$/.exec(cursor) ?? [];
  // Another program may have stored an id that is none; a page that ends with it has a next one.
  if (id === undefined || id === '') return null;
  if (sort === 'id') return { key: id, id };
  return { key: number === '' ? null : Number(number), id };
}

/** The first rows behind a place, and whether there are more. */
export function pageOf(
  rows: readonly TenantRow[],
  order: Order,
  after: Place | null,
  limit: number,
): { page: TenantRow[]; more: boolean } {
  const compare = comparer(order);
  const behind = rows
    .map((row) => ({ row, ...placeOf(row, order) }))
    .filter((each) => after === null || compare(after, each) < 0)
    .sort(compare);
  return { page: behind.slice(0, limit).map(({ row }) => row), more: behind.length > limit };
}
