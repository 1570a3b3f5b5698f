/**
 * The filter bar's language: words that must all hold. `acme` is a part of the id; `status:paused`, `is:failing`,
 * `tag:region=eu`, `server:sql-1`, `database:orders` and `error:LOGIN_REFUSED` name a field; `-` before a word negates it.
 */
import { tenantStatuses } from '../../engine/tenant-status.ts';
import { Refusal } from '../answer.ts';
import type { TenantRow } from './tenant-row.ts';

export type Matches = (row: TenantRow, now: number) => boolean;

/** What `is:` can ask. `failing`: the tenant's runs; `failing-topics`: handlers of its messages. */
export const conditions = {
  failing: (row) => row.failureStreak > 0,
  'failing-topics': (row) => row.failingTopics > 0,
  dead: (row) => (row.counts?.dead ?? 0) > 0,
  backlog: (row) => row.backlog || (row.counts?.due ?? 0) > 0,
  parked: (row) => row.parkedTopics > 0,
  blocked: (row) => (row.counts?.blocked ?? 0) > 0,
  overdue: (row, now) =>
    row.status === 'active' && row.nextDueUtc !== null && Date.parse(row.nextDueUtc) < now - overdueMs,
  'never-run': (row) => row.lastRunUtc === null,
  unreadable: (row) => row.unreadable,
} satisfies Record<string, Matches>;

/** A tenant that is due is dispatched within seconds; one that has been due for longer waits for something. */
const overdueMs = 60_000;

const fields: Readonly<Record<string, (value: string) => Matches>> = {
  status: (value) => {
    if (!(tenantStatuses as readonly string[]).includes(value))
      throw refused(`'status:' takes ${tenantStatuses.join(', ')}`);
    return (row) => row.status === value;
  },
  is: (value) => {
    if (!Object.hasOwn(conditions, value)) throw refused(`'is:' takes ${Object.keys(conditions).join(', ')}`);
    const holds = conditions[value as keyof typeof conditions];
    // Nobody runs a retired tenant: its last report needs no attention, and is not counted elsewhere either.
    return (row, now) => row.status !== 'retired' && holds(row, now);
  },
  tag: (value) => {
    const equals = value.indexOf('=');
    const key = equals === -1 ? value : value.slice(0, equals);
    const wanted = equals === -1 ? null : value.slice(equals + 1).toLowerCase();
    return ({ tags }) => Object.hasOwn(tags, key) && (wanted === null || tags[key]!.toLowerCase() === wanted);
  },
  server: (value) => contains(({ server }) => server, value),
  database: (value) => contains(({ database }) => database, value),
  error: (value) => contains(({ errorCode }) => errorCode ?? '', value),
  id: (value) => contains(({ id }) => id, value),
};

const mostWords = 20;

/** @throws Refusal with status 400, which says what the language has */
export function filterOf(text: string): Matches {
  const words = [...text.matchAll(/(-?)(?:([a-z]+):)?(?:"([^"]*)"|(\S+))/g)];
  if (words.length > mostWords) throw refused(`a filter has at most ${mostWords} words`);
  const tests = words.map(([, minus, field, quoted, plain]): Matches => {
    const value = quoted ?? plain!;
    const make = field === undefined ? fields.id! : fields[field];
    if (make === undefined || (field !== undefined && !Object.hasOwn(fields, field)))
      throw refused(`a field is one of ${Object.keys(fields).join(', ')}`);
    const test = make(value);
    return minus === '-' ? (row, now) => !test(row, now) : test;
  });
  return (row, now) => tests.every((test) => test(row, now));
}

function contains(of: (row: TenantRow) => string, value: string): Matches {
  const part = value.toLowerCase();
  return (row) => of(row).toLowerCase().includes(part);
}

function refused(rule: string): Refusal {
  return new Refusal(400, 'INVALID_ARGUMENT', `The filter cannot be read: ${rule}.`);
}
