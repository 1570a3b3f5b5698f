/**
 * The tests that must find the mutants of a folder: those that run within Jest's process. Tests that start a program, a
 * server or a container stay out, so one of them may still find a survivor.
 */
export const testsOf: Readonly<Record<string, readonly string[]>> = {
  'src/lease': ['test/unit/lease', 'test/integration/leases.test.ts', 'test/integration/run/lease.test.ts'],
  'src/local': ['test/unit/local', 'test/integration/face.test.ts', 'test/integration/isolation.test.ts'],
  'src/engine/sqlite/queue': [
    'test/unit/sqlite',
    'test/conformance/sqlite/storing.test.ts',
    'test/conformance/sqlite/claiming.test.ts',
    'test/conformance/sqlite/topics.test.ts',
    'test/conformance/sqlite/transactions.test.ts',
    'test/conformance/sqlite/restoring.test.ts',
    'test/conformance/sqlite/ordering.test.ts',
    'test/conformance/sqlite/dead.test.ts',
    'test/conformance/sqlite/random.test.ts',
    'test/conformance/sqlite/unreadable.test.ts',
  ],
  'src/fleet': [
    'test/unit/fleet',
    'test/property/schedule-policy.test.ts',
    'test/property/strategies.test.ts',
    'test/integration/churn.test.ts',
    'test/integration/churn-in-flight.test.ts',
    'test/integration/custom-directory.test.ts',
    'test/integration/face.test.ts',
    'test/integration/isolation.test.ts',
    'test/integration/leases.test.ts',
    'test/integration/redispatch.test.ts',
    'test/integration/run/continuation.test.ts',
    'test/integration/static-directory.test.ts',
    'test/integration/strategy.test.ts',
    'test/integration/telemetry/metrics.test.ts',
    'test/integration/telemetry/traces.test.ts',
    'test/integration/two-queues.test.ts',
    'test/integration/unreadable-rows.test.ts',
  ],
  'src/queue': [
    'test/unit/queue',
    'test/property/backoff.test.ts',
    'test/integration/run',
    'test/integration/outbox.test.ts',
    'test/integration/inbox.test.ts',
    'test/integration/telemetry/traces.test.ts',
    'test/integration/unreadable-rows.test.ts',
  ],
};
