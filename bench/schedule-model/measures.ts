/** The counters of a simulation, and its findings. */
import type { RunReport } from '../../src/fleet/dispatch/run-report.ts';
import type { ModelledTenant } from './modelled-tenant.ts';
import type { Scenario, TenantClass } from './scenario.ts';

export interface ClassFindings {
  readonly name: string;
  readonly tenants: number;
  readonly enqueued: number;
  readonly done: number;
  readonly dead: number;
  /** Messages waiting at the end, and for how long the oldest has waited; the percentiles leave them out. */
  readonly waiting: number;
  readonly oldestWaitingMs: number;
  /** From enqueue to the first start of the handler, in milliseconds; null without messages. */
  readonly latencyMs: { readonly [percentile in 'p50' | 'p95' | 'p99' | 'max']: number } | null;
  /** When the last message first started, in milliseconds from the start. */
  readonly lastStartMs: number;
  /** Runs that connected to a tenant's database. */
  readonly touches: number;
  /** Hours that all databases with an auto-pause were awake; null for a class without auto-pause. */
  readonly awakeHours: number | null;
}

export interface Findings {
  readonly title: string;
  readonly strategy: string;
  readonly simulatedMs: number;
  readonly classes: readonly ClassFindings[];
  readonly touches: number;
  /** The calls of a poller that asks every database each `everyMs`. */
  readonly fixedPolling: { readonly everyMs: number; readonly touches: number };
  /** Claims and settlings in tenants' databases. */
  readonly calls: number;
  readonly plans: number;
  readonly runs: number;
  /** Plans and runs: what a function app executes. */
  readonly invocations: number;
  readonly runSeconds: number;
  readonly cost: {
    readonly executions: number;
    readonly runTime: number;
    readonly databases: number;
    readonly sum: number;
  };
}

class ClassMeasures {
  readonly latencies: number[] = [];
  enqueued = 0;
  done = 0;
  dead = 0;
  touches = 0;
  lastStartMs = 0;
}

export class Measures {
  plans = 0;
  runs = 0;
  calls = 0;
  #runMs = 0;
  readonly #classes = new Map<TenantClass, ClassMeasures>();

  enqueued(kind: TenantClass, messages: number): void {
    this.#of(kind).enqueued += messages;
  }

  touched(kind: TenantClass): void {
    this.#of(kind).touches++;
  }

  started(kind: TenantClass, latencyMs: number, now: number): void {
    const measures = this.#of(kind);
    measures.latencies.push(latencyMs);
    measures.lastStartMs = now;
  }

  ended(kind: TenantClass, { counts, durationMs }: RunReport): void {
    const measures = this.#of(kind);
    measures.done += counts.done;
    measures.dead += counts.dead;
    this.#runMs += durationMs;
  }

  findings(scenario: Scenario, strategy: string, tenants: readonly ModelledTenant[]): Findings {
    const { title, duration, poll, prices } = scenario;
    const classes = scenario.classes.map((kind) =>
      this.#classFindings(
        kind,
        tenants.filter((tenant) => tenant.kind === kind),
        duration,
      ),
    );
    const sum = (of: (each: ClassFindings) => number) => classes.reduce((total, each) => total + of(each), 0);
    const invocations = this.plans + this.runs;
    const runSeconds = this.#runMs / 1_000;
    const executions = (invocations / 1e6) * prices.millionExecutions;
    const runTime = runSeconds * prices.gigabytesPerRun * prices.gigabyteSecond;
    const databases = sum(({ awakeHours }) => awakeHours ?? 0) * prices.databaseHour;
    return {
      title,
      strategy,
      simulatedMs: duration,
      classes,
      touches: sum(({ touches }) => touches),
      fixedPolling: { everyMs: poll, touches: tenants.length * Math.ceil(duration / poll) },
      calls: this.calls,
      plans: this.plans,
      runs: this.runs,
      invocations,
      runSeconds,
      cost: { executions, runTime, databases, sum: executions + runTime + databases },
    };
  }

  #classFindings(kind: TenantClass, tenants: readonly ModelledTenant[], endMs: number): ClassFindings {
    const { latencies, enqueued, done, dead, touches, lastStartMs } = this.#of(kind);
    const sorted = Float64Array.from(latencies).sort();
    const percentile = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
    return {
      name: kind.name,
      tenants: tenants.length,
      enqueued,
      done,
      dead,
      waiting: tenants.reduce((total, { waiting }) => total + waiting, 0),
      oldestWaitingMs: tenants.reduce((oldest, each) => Math.max(oldest, each.oldestWaitingMs(endMs)), 0),
      latencyMs:
        sorted.length === 0
          ? null
          : { p50: percentile(0.5), p95: percentile(0.95), p99: percentile(0.99), max: sorted.at(-1)! },
      lastStartMs,
      touches,
      awakeHours:
        kind.autoPause === undefined
          ? null
          : tenants.reduce((total, each) => total + each.awakeMs(endMs), 0) / 3_600_000,
    };
  }

  #of(kind: TenantClass): ClassMeasures {
    let measures = this.#classes.get(kind);
    if (measures === undefined) {
      measures = new ClassMeasures();
      this.#classes.set(kind, measures);
    }
    return measures;
  }
}
