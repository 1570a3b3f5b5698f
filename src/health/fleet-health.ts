/** The answer of `health/fleet`, for the local host and for the function app. */
import type { FleetSummary } from '../engine/fleet-summary.ts';
import type { TenantRecord } from '../engine/registry.ts';
import type { FailingTopic } from '../engine/tenant-report.ts';
import { isList, MultiOutboxError, propertyOf, shownValue } from '../errors.ts';
import type { MultiOutbox } from '../multi-outbox-interface.ts';
import { checkFace, optionsOf } from '../options.ts';
import { parseDuration } from '../settings.ts';
import { defaultStaleAfterMs, parseTroubles, signsOf, type Trouble, troubles } from './troubles.ts';

export interface FleetHealthOptions {
  /** The troubles that make `status` 'troubled'. Default: `failing`. */
  readonly failOn?: readonly Trouble[];
  /** Milliseconds: how old the last plan, or the oldest due time, may be before it is `stale`. Default: five minutes. */
  readonly staleAfterMs?: number;
}

export interface FleetHealth {
  readonly status: 'ok' | 'troubled';
  /** Each trouble that the last reports show, whether it is in `failOn` or not. */
  readonly troubles: readonly Trouble[];
  readonly fleet: FleetSummary;
  /** The tenants that most need attention. */
  readonly worst: readonly TenantHealth[];
  /** How many active tenants were read to find them. */
  readonly examined: number;
  /** False when there are more active tenants than were read. */
  readonly complete: boolean;
}

/** A tenant by its last reports. Errors are codes: their texts can hold what handlers and servers say. `status` shows them. */
export type TenantHealth = Pick<
  TenantRecord['schedule'],
  | 'nextDueUtc'
  | 'lastRunUtc'
  | 'lastOutcome'
  | 'failureStreak'
  | 'backlog'
  | 'queues'
  | 'parkedTopics'
  | 'totals'
> & {
  readonly tenantId: string;
  readonly failingTopics: readonly Omit<FailingTopic, 'error'>[];
  readonly lastError: { readonly code: string; readonly utc: Date | null } | null;
};

/** Reads only the registry (F6). @throws INVALID_ARGUMENT, or the registry's error */
export async function fleetHealth(
  multiOutbox: Pick<MultiOutbox, 'status' | 'worst'>,
  options: FleetHealthOptions = {},
): Promise<FleetHealth> {
  const given = optionsOf('fleetHealth', options, { failOn: true, staleAfterMs: true });
  const { failOn = ['failing'], staleAfterMs = defaultStaleAfterMs } = given;
  if (!isList(failOn) || ![...failOn].every((trouble) => (troubles as readonly unknown[]).includes(trouble)))
    throw new MultiOutboxError(
      'INVALID_ARGUMENT',
      `fleetHealth: 'failOn' must be a list of ${troubles.join(', ')}, got ${shownValue(failOn)}.`,
    );
  if (typeof staleAfterMs !== 'number' || !(staleAfterMs >= 0))
    throw new MultiOutboxError(
      'INVALID_ARGUMENT',
      `fleetHealth: 'staleAfterMs' must be milliseconds from 0 on, got ${shownValue(staleAfterMs)}.`,
    );
  checkFace('fleetHealth', multiOutbox, ['status', 'worst']);
  const fleet = await multiOutbox.status();
  const { tenants, examined, complete } = await multiOutbox.worst();
  const signs = signsOf(fleet, staleAfterMs);
  const found = troubles.filter((trouble) => signs.some((sign) => sign.trouble === trouble));
  return {
    status: found.some((trouble) => failOn.includes(trouble)) ? 'troubled' : 'ok',
    troubles: found,
    fleet,
    worst: tenants.map(tenantHealth),
    examined,
    complete,
  };
}

/**
 * Reads the query `?fail-on=dead,stale&stale-after=10m`. Other names are ignored.
 * @throws MultiOutboxError INVALID_ARGUMENT
 */
export function fleetHealthQuery(query: Pick<URLSearchParams, 'get'>): FleetHealthOptions {
  if (typeof propertyOf(query, 'get') !== 'function')
    throw new MultiOutboxError(
      'INVALID_ARGUMENT',
      `fleetHealthQuery: the query must have the method 'get', as URLSearchParams has, got ${shownValue(query)}.`,
    );
  const named = query.get('fail-on');
  const failOn = named === null ? undefined : parseTroubles(named);
  if (failOn === null) {
    throw new MultiOutboxError(
      'INVALID_ARGUMENT',
      `'fail-on' is ${shownValue(named)}; give one or more of ${troubles.join(', ')}, separated by commas.`,
    );
  }
  const age = query.get('stale-after');
  // A bare number may mean seconds or milliseconds.
  const staleAfterMs = age === null ? undefined : /[a-z]/i.test(age) ? parseDuration(age) : null;
  if (staleAfterMs === null) {
    throw new MultiOutboxError(
      'INVALID_ARGUMENT',
      `'stale-after' is ${shownValue(age)}; give a duration with its unit, such as 90s or 10m.`,
    );
  }
  return { ...(failOn && { failOn }), ...(staleAfterMs !== undefined && { staleAfterMs }) };
}

function tenantHealth({ id, schedule }: TenantRecord): TenantHealth {
  const { nextDueUtc, lastRunUtc, lastOutcome, failureStreak, backlog, totals } = schedule;
  const { queues, parkedTopics, failingTopics, lastErrorCode, lastErrorUtc } = schedule;
  return {
    tenantId: id,
    nextDueUtc,
    lastRunUtc,
    lastOutcome,
    failureStreak,
    backlog,
    queues,
    parkedTopics,
    failingTopics: failingTopics.map(({ error: _, ...topic }) => topic),
    totals,
    lastError: lastErrorCode === null ? null : { code: lastErrorCode, utc: lastErrorUtc },
  };
}
