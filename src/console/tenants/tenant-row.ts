/** A tenant as the table of tenants shows it: numbers of the registry's last reports. */
import type { TenantRecord } from '../../engine/registry.ts';
import type { FailingTopic } from '../../engine/tenant-report.ts';
import type { TenantStatus } from '../../engine/tenant-status.ts';
import type { CountName } from '../../engine/work-queue.ts';
import { tenantIdPattern } from '../../fleet/tenants/tenant-id.ts';

export interface TenantRow {
  readonly id: string;
  readonly status: TenantStatus;
  readonly tags: Readonly<Record<string, string>>;
  readonly server: string;
  readonly database: string;
  readonly lastRunUtc: string | null;
  readonly lastOutcome: string | null;
  readonly nextDueUtc: string | null;
  readonly failureStreak: number;
  readonly failingTopics: number;
  readonly parkedTopics: number;
  readonly errorCode: string | null;
  readonly backlog: boolean;
  /** Of all queues together; null while no run has counted. */
  readonly counts: {
    readonly ready: number;
    readonly due: number;
    readonly blocked: number;
    readonly dead: number;
    readonly parked: number;
  } | null;
  /** The counts that stand for as many or more. */
  readonly atLeast: readonly CountName[];
  /** When the oldest message that was due at the count became due. */
  readonly oldestDueUtc: string | null;
  /** When the oldest of the counts was made. */
  readonly countedUtc: string | null;
  /** At most 20 each: those that failed last, and those that no handler takes. */
  readonly failing: readonly (Pick<FailingTopic, 'queue' | 'topic' | 'source' | 'failures'> & {
    readonly sinceUtc: string;
    readonly lastUtc: string;
  })[];
  readonly parked: readonly { readonly queue: string; readonly topic: string; readonly count: number }[];
  readonly idleStreak: number;
  readonly unreadable: boolean;
  /** Whether the id is none, because another program has stored it: then no address leads to the tenant. */
  readonly hasOddId: boolean;
}

export function tenantRow(tenant: TenantRecord): TenantRow {
  const { id, status, tags, server, database, schedule, unreadable } = tenant;
  const queues = Object.values(schedule.queues);
  const sum = (of: (queue: (typeof queues)[number]) => number) =>
    queues.reduce((total, queue) => total + of(queue), 0);
  const oldest = queues.flatMap(({ asOfUtc, oldestDueAgeMs }) =>
    oldestDueAgeMs === null ? [] : [asOfUtc.getTime() - oldestDueAgeMs],
  );
  return {
    id,
    status,
    tags,
    server,
    database,
    lastRunUtc: textOf(schedule.lastRunUtc),
    lastOutcome: schedule.lastOutcome,
    nextDueUtc: textOf(schedule.nextDueUtc),
    failureStreak: schedule.failureStreak,
    failingTopics: schedule.failingTopics.length,
    parkedTopics: schedule.parkedTopics.length,
    errorCode: schedule.lastErrorCode,
    backlog: schedule.backlog,
    counts:
      queues.length === 0
        ? null
        : {
            ready: sum(({ ready }) => ready),
            due: sum(({ due }) => due),
            blocked: sum(({ blocked }) => blocked),
            dead: sum(({ dead }) => dead),
            parked: sum(({ parked }) => parked.reduce((total, { count }) => total + count, 0)),
          },
    atLeast: [...new Set(queues.flatMap(({ atLeast }) => atLeast))],
    oldestDueUtc: oldest.length === 0 ? null : new Date(Math.min(...oldest)).toISOString(),
    countedUtc:
      queues.length === 0
        ? null
        : new Date(Math.min(...queues.map(({ asOfUtc }) => asOfUtc.getTime()))).toISOString(),
    failing: schedule.failingTopics.map(({ queue, topic, source, failures, sinceUtc, lastUtc }) => ({
      queue,
      topic,
      source,
      failures,
      sinceUtc: sinceUtc.toISOString(),
      lastUtc: lastUtc.toISOString(),
    })),
    parked: Object.entries(schedule.queues).flatMap(([queue, { parked }]) =>
      parked.slice(0, 20).map((topic) => ({ queue, ...topic })),
    ),
    idleStreak: schedule.idleStreak,
    unreadable: unreadable !== undefined,
    hasOddId: !tenantIdPattern.test(id),
  };
}

export function textOf(time: Date | null): string | null {
  return time?.toISOString() ?? null;
}
