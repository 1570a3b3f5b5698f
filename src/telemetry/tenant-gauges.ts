/** Gauges of single tenants: those that are worst off, so that a fleet of any size has few series. */
import type { Meter, ObservableGauge, ObservableResult } from '@opentelemetry/api';
import { meter } from './metrics.ts';

const gauges = {
  oldestMessageAgeMs: {
    name: 'multi_outbox.tenant.oldest_message_age',
    unit: 'ms',
    description: 'How long the oldest due message of a tenant has been due, by its last count',
  },
  dead: {
    name: 'multi_outbox.tenant.dead',
    unit: '',
    description: 'Messages of a tenant that are Dead, by its last counts',
  },
  failureStreak: {
    name: 'multi_outbox.tenant.failing',
    unit: '',
    description: 'Failed runs of a tenant in a row',
  },
} as const;

export type TenantGaugeName = keyof typeof gauges;
export const tenantGaugeNames = Object.keys(gauges) as TenantGaugeName[];

export interface TenantValue {
  readonly tenantId: string;
  readonly value: number;
}

/** By gauge: the tenants to show, and their values. */
export type TenantValues = Readonly<Record<TenantGaugeName, readonly TenantValue[]>>;

/**
 * What an SDK observes, until it is replaced, or no longer valid: a tenant that is well again disappears, and so do all
 * when another host shows them.
 */
export class TenantGauges {
  readonly #validMs: number;
  #values: TenantValues | undefined;
  /** By `performance.now()`. */
  #validUntil = 0;
  #meter: Meter | undefined;
  #stop = () => {};

  constructor(validMs: number) {
    this.#validMs = validMs;
  }

  show(values: TenantValues): void {
    this.#values = values;
    this.#validUntil = performance.now() + this.#validMs;
    const present = meter();
    // An SDK that was registered later has another meter.
    if (present === this.#meter) return;
    this.#stop();
    this.#meter = present;
    const stops = tenantGaugeNames.map((name) => this.#observe(present, name));
    this.#stop = () => {
      for (const stop of stops) stop();
    };
  }

  close(): void {
    this.#stop();
    this.#values = undefined;
  }

  #observe(present: Meter, name: TenantGaugeName): () => void {
    const { name: metric, unit, description } = gauges[name];
    const gauge: ObservableGauge = present.createObservableGauge(metric, { unit, description });
    const observe = (result: ObservableResult) => {
      if (performance.now() > this.#validUntil) return;
      for (const { tenantId, value } of this.#values?.[name] ?? [])
        result.observe(value, { 'tenant.id': tenantId });
    };
    gauge.addCallback(observe);
    return () => gauge.removeCallback(observe);
  }
}
