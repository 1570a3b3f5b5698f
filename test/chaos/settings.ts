/** Settings under which a killed host's work is recovered within a second. Durations in milliseconds. */
export const fast = {
  leaseMs: 600,
  batchSize: 8,
  concurrency: 6,
} as const;

/** The most messages one dispatch run can have claimed and not settled (D6). */
export const inFlightOfRun = 2 * fast.batchSize;

export const fastEnvironment: Readonly<Record<string, string>> = {
  MULTI_OUTBOX_LEASE: `${fast.leaseMs}ms`,
  MULTI_OUTBOX_GRACE: '200ms',
  MULTI_OUTBOX_BATCH_SIZE: String(fast.batchSize),
  MULTI_OUTBOX_CONCURRENCY: String(fast.concurrency),
  MULTI_OUTBOX_PARALLEL_RUNS: '4',
  MULTI_OUTBOX_PLAN_INTERVAL: '50ms',
  MULTI_OUTBOX_REDISPATCH: '600ms',
  MULTI_OUTBOX_IDLE_FLOOR: '50ms',
  MULTI_OUTBOX_IDLE_CEILING: '200ms',
  MULTI_OUTBOX_FAILURE_CEILING: '200ms',
  MULTI_OUTBOX_RETRY_BASE: '20ms',
  MULTI_OUTBOX_RETRY_MAX_DELAY: '100ms',
  // Many kills may hit one message, but here it must not become Dead from them.
  MULTI_OUTBOX_RETRY_MAX_ATTEMPTS: '1000',
  MULTI_OUTBOX_WEBHOOK_ALLOW_PRIVATE: 'true',
};
