/**
 * Sends traces and metrics where the environment says, for hosts that bring no OpenTelemetry SDK of their own: to
 * Application Insights (APPLICATIONINSIGHTS_CONNECTION_STRING), and by OTLP over HTTP (the OTEL_ variables). What an SDK
 * weighs is loaded only when there is somewhere to send to.
 */
import { randomUUID } from 'node:crypto';
import { metrics, SpanKind } from '@opentelemetry/api';
import type { PushMetricExporter } from '@opentelemetry/sdk-metrics';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-node';
import { errorText, MultiOutboxError } from '../errors.ts';

export interface TelemetryExport {
  /** Sends what is left, within three seconds, and ends. Never throws. */
  close(): Promise<void>;
}

interface Exporters {
  readonly spans: SpanExporter[];
  readonly metrics: PushMetricExporter[];
}

type Env = NodeJS.ProcessEnv;
type Signal = 'TRACES' | 'METRICS';

const patienceMs = 3_000;
const metricIntervalMs = 60_000;
/** Above what MULTI_OUTBOX_METRIC_TENANTS makes by default: seven results of a thousand tenants. */
const mostSeries = 10_000;

/**
 * Starts sending, if the environment names anywhere. An SDK that the host has registered before stays in its place.
 * @param serviceName stands for OTEL_SERVICE_NAME when that is absent
 * @throws MultiOutboxError INVALID_CONFIGURATION: a package is not installed, or a variable is wrong
 */
export async function exportTelemetry(
  serviceName = 'multi-outbox',
  env: Env = process.env,
): Promise<TelemetryExport | undefined> {
  if (env.OTEL_SDK_DISABLED === 'true') return undefined;
  try {
    const exporters: Exporters = { spans: [], metrics: [] };
    if (env.APPLICATIONINSIGHTS_CONNECTION_STRING) await addApplicationInsights(exporters, env);
    await addOtlp(exporters, env);
    if (exporters.spans.length + exporters.metrics.length === 0) return undefined;
    return await start(exporters, serviceName, env);
  } catch (error) {
    throw new MultiOutboxError(
      'INVALID_CONFIGURATION',
      `Traces and metrics are not sent: ${errorText(error)}. docs/operations.md tells what to install and set.`,
      { cause: error },
    );
  }
}

async function addApplicationInsights(exporters: Exporters, env: Env): Promise<void> {
  const { AzureMonitorMetricExporter, AzureMonitorTraceExporter } = await import(
    '@azure/monitor-opentelemetry-exporter'
  );
  const options = {
    connectionString: env.APPLICATIONINSIGHTS_CONNECTION_STRING!,
    ...(await identity(env.APPLICATIONINSIGHTS_AUTHENTICATION_STRING)),
  };
  const spans = new AzureMonitorTraceExporter(options);
  const send = spans.export.bind(spans);
  // As a consumer's a span would come without its name.
  spans.export = (all, done) => send(all.map(asInternal), done);
  exporters.spans.push(spans);
  exporters.metrics.push(new AzureMonitorMetricExporter(options));
}

function asInternal(span: ReadableSpan): ReadableSpan {
  return span.kind === SpanKind.CONSUMER ? Object.create(span, { kind: { value: SpanKind.INTERNAL } }) : span;
}

/** As the host reads it: `ClientId=…;Authorization=AAD`. */
async function identity(authentication = '') {
  const parts = new Map(authentication.split(';').map((part) => part.split('=', 2) as [string, string]));
  if (parts.get('Authorization') !== 'AAD') return {};
  const { ManagedIdentityCredential } = await import('@azure/identity');
  const clientId = parts.get('ClientId');
  return { credential: new ManagedIdentityCredential(clientId ? { clientId } : {}) };
}

/** The exporters read the endpoint, headers, timeout and compression from the OTEL_ variables themselves. */
async function addOtlp(exporters: Exporters, env: Env): Promise<void> {
  if (isOtlpWanted('TRACES', env)) {
    const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-proto');
    exporters.spans.push(new OTLPTraceExporter());
  }
  if (isOtlpWanted('METRICS', env)) {
    const { OTLPMetricExporter } = await import('@opentelemetry/exporter-metrics-otlp-proto');
    exporters.metrics.push(new OTLPMetricExporter());
  }
}

function isOtlpWanted(signal: Signal, env: Env): boolean {
  const chosen = env[`OTEL_${signal}_EXPORTER`];
  if (chosen) return chosen.split(',').some((name) => name.trim() === 'otlp');
  return Boolean(env.OTEL_EXPORTER_OTLP_ENDPOINT || env[`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`]);
}

async function start(exporters: Exporters, serviceName: string, env: Env): Promise<TelemetryExport> {
  const [{ detectResources, envDetector, resourceFromAttributes }, traces, sdk] = await Promise.all([
    import('@opentelemetry/resources'),
    import('@opentelemetry/sdk-trace-node'),
    import('@opentelemetry/sdk-metrics'),
  ]);
  const resource = resourceFromAttributes({
    'service.name': serviceName,
    'service.instance.id': randomUUID(),
  }).merge(detectResources({ detectors: [envDetector] }));
  const tracerProvider = new traces.NodeTracerProvider({
    resource,
    spanProcessors: exporters.spans.map((exporter) => new traces.BatchSpanProcessor(exporter)),
  });
  tracerProvider.register();
  const meterProvider = new sdk.MeterProvider({
    resource,
    readers: exporters.metrics.map(
      (exporter) =>
        new sdk.PeriodicExportingMetricReader({
          exporter,
          exportIntervalMillis: Number(env.OTEL_METRIC_EXPORT_INTERVAL) || metricIntervalMs,
          exportTimeoutMillis: patienceMs,
          cardinalityLimits: { default: mostSeries },
        }),
    ),
  });
  metrics.setGlobalMeterProvider(meterProvider);
  return {
    async close() {
      let timer: NodeJS.Timeout | undefined;
      const patience = new Promise((resolve) => {
        timer = setTimeout(resolve, patienceMs);
      });
      await Promise.race([
        Promise.allSettled([tracerProvider.shutdown(), meterProvider.shutdown()]),
        patience,
      ]);
      clearTimeout(timer);
    },
  };
}
