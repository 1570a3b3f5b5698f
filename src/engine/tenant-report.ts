/** What a dispatch run reports to the registry (D7, F5), and what of it the tenant's row keeps. */
import type { Histogram } from './histogram.ts';
import type { RunCounts } from './run-counts.ts';
import type { QueueName, StoredCounts } from './work-queue.ts';

export const runOutcomes = ['dispatched', 'idle', 'skipped', 'resuming', 'failed'] as const;
export type RunOutcome = (typeof runOutcomes)[number];

/** A topic of a tenant that fails now: no attempt has succeeded since these failed (S1). Times are the registry's. */
export interface FailingTopic {
  readonly queue: QueueName;
  readonly topic: string;
  /** Null for the application's own messages. The topic may work for other sources. */
  readonly source: string | null;
  /** The first and the last failed attempt since the topic last succeeded. */
  readonly sinceUtc: Date;
  readonly lastUtc: Date;
  /** How many attempts have failed since then. */
  readonly failures: number;
  /** The message of the last failure. */
  readonly messageId: string;
  /** The last error's name and code; its text only if the operator allows it in logs. At most 300 characters. */
  readonly error: string;
}

/** What is stored in one of a tenant's queues, as of the last run that served it to its end (S2). */
export interface QueueState extends StoredCounts {
  /** When the run counted, by the registry's clock. */
  readonly asOfUtc: Date;
  /** Milliseconds from then until the next unblocked Ready message is due; null if there is none. */
  readonly nextDueInMs: number | null;
}

/** What a run reports of a queue that it served to its end. */
export interface ReportedState extends Omit<QueueState, 'asOfUtc'> {
  /** Milliseconds from the count to the report: the run may have served another queue meanwhile. */
  readonly ageMs: number;
}

/** A dispatch run's report to the registry (D7, F5). */
export interface TenantReport {
  readonly tenantId: string;
  /**
   * A UUID. If it is the id of one of the tenant's last 16 reports, this is that report, sent again because its answer was lost:
   * it changes nothing, and gets the answer that it would get now. Absent: the report was not sent before.
   */
  readonly reportId?: string;
  /** The version of the tenant's record with which the run began. Absent: no run made the report. */
  readonly tenantVersion?: number;
  readonly outcome: RunOutcome;
  readonly counts: RunCounts;
  readonly durationMs: number;
  readonly backlog: boolean;
  /**
   * What the run left in the queues that it served to their ends; the other queues keep what was reported last, and so does
   * a queue that another run has counted since. If a queue is empty, none of its topics fails any more.
   */
  readonly queues?: Readonly<Partial<Record<QueueName, ReportedState>>>;
  /** Topics whose last attempt in the run failed. Times are milliseconds before the report. Default: none. */
  readonly failing?: readonly (Pick<
    FailingTopic,
    'queue' | 'topic' | 'source' | 'failures' | 'messageId' | 'error'
  > & {
    readonly sinceMs: number;
    readonly lastMs: number;
    /** The topic succeeded in this run before these failures, so they do not continue earlier ones. */
    readonly isNew: boolean;
  })[];
  /** Topics whose last attempt in the run succeeded: they fail no more. Default: none. */
  readonly succeeded?: readonly Pick<FailingTopic, 'queue' | 'topic' | 'source'>[];
  /**
   * The longest time that a message of the run waited from its due time to the start of its handler, in milliseconds. Null or
   * absent: the run started none, so the tenant keeps what was reported last.
   */
  readonly longestWaitMs?: number | null;
  /** How long messages waited, and how long their handlers took, for the history. Absent: the history keeps nothing of the run. */
  readonly times?: { readonly wait: Histogram; readonly handle: Histogram };
  readonly error?: { readonly code: string; readonly message: string };
  readonly schedule: {
    /** Milliseconds from the registry's now; null when the tenant is not due until a wake. */
    readonly nextDueInMs: number | null;
    /**
     * `set` replaces the due time; if another run has counted one of the report's queues since, it can only make it earlier.
     * `at-most` always can only make it earlier.
     */
    readonly mode: 'set' | 'at-most';
    readonly idleStreak: number;
    readonly failureStreak: number;
  };
  /**
   * For a caller that can send the request of the tenant's next run: if the run left a backlog, or a wake came since the
   * tenant was chosen, the report chooses the tenant again, and `schedule` does not count. Default: the tenant is due.
   */
  readonly continues?: { readonly redispatchMs: number };
}

/** The registry's answer to a report. */
export interface Reported {
  /** The tenant is due now because of a wake; or because it was skipped while another run, which has reported, had its lease. */
  readonly woken: boolean;
  /** With `continues`: the report has chosen the tenant again. The caller must dispatch it. */
  readonly chosen: boolean;
  /** The time of the tenant's last run, by the registry's clock; null for none, and for an unknown tenant. */
  readonly lastRunUtc: Date | null;
  /** The report was ignored: the run served a database that the tenant no longer has. The tenant is due now. */
  readonly moved: boolean;
}
