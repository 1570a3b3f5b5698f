/** S2: a series that is observed no more ends, in each export that `exportTelemetry` starts. */
import { metrics, trace } from '@opentelemetry/api';
import { exportTelemetry } from '../../../src/telemetry/export.ts';
import { isMeasured } from '../../../src/telemetry/metrics.ts';
import { TenantGauges } from '../../../src/telemetry/tenant-gauges.ts';
import { cliFolder } from '../../support/cli-process.ts';
import { answering, startReceiver } from '../handlers/receiver.ts';

const nothing = { oldestMessageAgeMs: [], dead: [], failureStreak: [] };
const accepting = answering(200, { 'content-type': 'application/json' }, '{}');
afterEach(() => {
  metrics.disable();
  trace.disable();
});

test('S2: a scrape no longer has a tenant that is well again, and other tenants stay', async () => {
  const sending = await exportTelemetry('outbox', {}, { scraped: true });
  const gauges = new TenantGauges(60_000);
  try {
    gauges.show({ ...nothing, dead: ['acme', 'beta'].map((tenantId) => ({ tenantId, value: 3 })) });
    expect(await sending!.scrape!()).toMatch(/tenant_dead\{tenant_id="acme".*\} 3/);
    gauges.show({ ...nothing, dead: [{ tenantId: 'beta', value: 4 }] });
    const text = await sending!.scrape!();
    expect(text).toMatch(/tenant_dead\{tenant_id="beta".*\} 4/);
    expect(text).not.toContain('acme');
    // A scrape that follows without a change has the same.
    expect(await sending!.scrape!()).toMatch(/tenant_dead\{tenant_id="beta".*\} 4/);
  } finally {
    gauges.close();
    await sending!.close();
  }
});

test('S2: OTLP with the default temporality no longer sends a tenant that is well again', async () => {
  await using receiver = await startReceiver(accepting);
  const folder = cliFolder();
  try {
    const env = {
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${receiver.origin}/v1/metrics`,
      OTEL_METRIC_EXPORT_INTERVAL: '500',
    };
    const { code, stderr } = await folder.script(
      `import { createRequire } from 'node:module';
      const { metrics } = createRequire(${JSON.stringify(__filename)})('@opentelemetry/api');
      const sending = await library.exportTelemetry('outbox');
      let exports = 0;
      const awake = setInterval(() => {}, 1_000);
      const gauge = metrics.getMeter('test').createObservableGauge('multi_outbox.tenant.dead');
      await new Promise((resolve) => gauge.addCallback((result) => {
        exports += 1;
        for (const id of exports === 1 ? ['acme', 'beta'] : ['beta']) result.observe(3, { 'tenant.id': id });
        if (exports === 3) resolve();
      }));
      clearInterval(awake);
      await sending.close();`,
      { env },
    );
    expect([code, stderr]).toEqual([0, '']);
    const tenants = receiver.received.map(({ body }) => body.match(/acme|beta/g));
    expect(tenants[0]).toEqual(['acme', 'beta']);
    expect(tenants.at(-1)).toEqual(['beta']);
  } finally {
    await folder.remove();
  }
});

test('a scrape registers no provider of spans, and an export of traces none of metrics', async () => {
  const isTraced = () => trace.getTracer('test').startSpan('span').isRecording();
  const scraped = await exportTelemetry('outbox', {}, { scraped: true });
  expect([isTraced(), isMeasured()]).toEqual([false, true]);
  await scraped!.close();
  metrics.disable();
  await using receiver = await startReceiver(accepting);
  const traces = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${receiver.origin}/v1/traces` };
  const sending = await exportTelemetry('outbox', traces);
  expect([isTraced(), isMeasured()]).toEqual([true, false]);
  await sending!.close();
});
