/**
 * Exports traces and metrics as the environment variables say, for hosts without an OpenTelemetry SDK of their own:
 * to Application Insights (APPLICATIONINSIGHTS_CONNECTION_STRING), and by OTLP over HTTP (the OTEL_ variables). The
 * SDK packages are loaded only if a destination is set.
 */
import { randomUUID } from 'node:crypto';
import { metrics, SpanKind } from '@opentelemetry/api';
import type { AggregationTemporality, MetricReader } from '@opentelemetry/sdk-metrics';
import type { SpanProcessor } from '@opentelemetry/sdk-trace-node';
import { errorText, isMultiOutboxError, MultiOutboxError, readable, shownValue } from '../errors.ts';
import { optional } from '../optional-package.ts';
import { booleanOf, objectOf, optionsOf } from '../options.ts';
import { idleSpansDropped } from './idle-spans.ts';

export interface TelemetryExport {
  /** The metrics as text that Prometheus reads; only with the option `scraped`. */
  readonly scrape?: () => Promise<string>;
  /** Exports the rest within three seconds and shuts down. Never throws. */
  close(): Promise<void>;
}

export interface TelemetryOptions {
  /** Collects the metrics for `scrape`, whether the environment names a destination or not. */
  readonly scraped?: boolean;
}

/** What takes the traces and metrics: the OTLP exporters, and the collector of `scrape`. */
interface Outlets {
  readonly spanProcessors: SpanProcessor[];
  readonly metricReaders: MetricReader[];
  readonly scrape?: () => Promise<string>;
}

type Env = NodeJS.ProcessEnv;
type Signal = 'TRACES' | 'METRICS';

/** The packages to name when one is missing: an installation needs all of a list or none. */
const forOtlp = [
  '@opentelemetry/exporter-metrics-otlp-proto',
  '@opentelemetry/exporter-trace-otlp-proto',
  '@opentelemetry/resources',
  '@opentelemetry/sdk-metrics',
  '@opentelemetry/sdk-trace-node',
];
const forPrometheus = [
  '@opentelemetry/exporter-prometheus',
  '@opentelemetry/resources',
  '@opentelemetry/sdk-metrics',
];
const forApplicationInsights = ['applicationinsights', '@opentelemetry/resources'];
const waitMs = 3_000;
const metricIntervalMs = 60_000;
/**
 * The most series of a metric. The default of MULTI_OUTBOX_METRIC_TENANTS needs fewer: seven results for each of a
 * thousand tenants.
 */
const mostSeries = 10_000;
const boundedSeries = { instrumentName: 'multi_outbox.*', aggregationCardinalityLimit: mostSeries };

/**
 * Starts the export if the environment names a destination, or with `scraped`. An SDK that the host registered earlier
 * stays registered. Without a destination the result is undefined.
 * @param serviceName used when OTEL_SERVICE_NAME is not set
 * @throws MultiOutboxError INVALID_CONFIGURATION when a variable has an invalid value; PACKAGE_MISSING
 */
export async function exportTelemetry(
  serviceName = 'multi-outbox',
  environment: NodeJS.ProcessEnv = process.env,
  options: TelemetryOptions = {},
): Promise<TelemetryExport | undefined> {
  if (typeof serviceName !== 'string')
    throw new MultiOutboxError(
      'INVALID_ARGUMENT',
      `exportTelemetry: the service's name must be text, got ${shownValue(serviceName)}.`,
    );
  const { scraped = false } = optionsOf('exportTelemetry', options, { scraped: true });
  booleanOf('exportTelemetry', 'scraped', scraped);
  const call = 'exportTelemetry: the environment';
  const env = readable(call, () => ({ ...objectOf(call, environment) }));
  if (env.OTEL_SDK_DISABLED === 'true') return undefined;
  try {
    const connectionString = env.APPLICATIONINSIGHTS_CONNECTION_STRING;
    const otlp = await otlpOutlets(env);
    const outlets = scraped ? await withScrape(otlp) : otlp;
    const { scrape } = outlets;
    if (connectionString)
      return closing(await startApplicationInsights(connectionString, outlets, serviceName, env), scrape);
    if (outlets.spanProcessors.length + outlets.metricReaders.length === 0) return undefined;
    return closing(await startSdk(outlets, serviceName, scraped ? forPrometheus : forOtlp), scrape);
  } catch (error) {
    if (isMultiOutboxError(error, 'PACKAGE_MISSING')) throw error;
    throw new MultiOutboxError(
      'INVALID_CONFIGURATION',
      `Traces and metrics cannot be exported: ${errorText(error)}. Check the variables; docs/operations.md lists them.`,
      { cause: error },
    );
  }
}

/** Returns the function that exports the rest and shuts down. */
async function startApplicationInsights(
  connectionString: string,
  { spanProcessors, metricReaders }: Outlets,
  serviceName: string,
  env: Env,
): Promise<() => Promise<void>> {
  const [{ shutdownAzureMonitor, useAzureMonitor }, resource, credential] = await Promise.all([
    optional(forApplicationInsights, () => import('applicationinsights')),
    resourceOf(serviceName, forApplicationInsights),
    identity(env.APPLICATIONINSIGHTS_AUTHENTICATION_STRING),
  ]);
  const off = { enabled: false };
  useAzureMonitor({
    azureMonitorExporterOptions: { connectionString, ...(credential && { credential }) },
    resource,
    // Collect only this program's own spans and metrics. The Functions host reports requests and unhandled errors
    // itself.
    enableAutoCollectExceptions: false,
    enableLiveMetrics: false,
    enablePerformanceCounters: false,
    enableStandardMetrics: false,
    instrumentationOptions: {
      ...{ azureSdk: off, http: off, mongoDb: off, mySql: off, postgreSql: off, redis: off, redis4: off },
      ...{ bunyan: off, console: off, winston: off },
    },
    // Export every trace, as OTLP does; the SDK's default is five traces a second.
    samplingRatio: 1,
    tracesPerSecond: 0,
    spanProcessors: [idleSpansDropped, consumersNamed, ...spanProcessors],
    metricReaders,
    views: [boundedSeries],
  });
  return shutdownAzureMonitor;
}

/** Application Insights shows a consumer's span without a name unless the span has an operation name. */
const consumersNamed: SpanProcessor = {
  onStart(span) {
    if (span.kind === SpanKind.CONSUMER) span.setAttribute('ai.operation.name', span.name);
  },
  onEnd() {},
  forceFlush: async () => {},
  shutdown: async () => {},
};

/** Parses the Functions host's format: `ClientId=…;Authorization=AAD`. */
async function identity(authentication = '') {
  const parts = new Map(authentication.split(';').map((part) => part.split('=', 2) as [string, string]));
  if (parts.get('Authorization') !== 'AAD') return undefined;
  const { ManagedIdentityCredential } = await optional('@azure/identity', () => import('@azure/identity'));
  const clientId = parts.get('ClientId');
  return new ManagedIdentityCredential(clientId ? { clientId } : {});
}

/** The exporters read the endpoint, headers, timeout and compression from the OTEL_ variables themselves. */
async function otlpOutlets(env: Env): Promise<Outlets> {
  const outlets: Outlets = { spanProcessors: [], metricReaders: [] };
  if (isOtlpWanted('TRACES', env)) {
    const [{ OTLPTraceExporter }, { BatchSpanProcessor }] = await optional(forOtlp, () =>
      Promise.all([
        import('@opentelemetry/exporter-trace-otlp-proto'),
        import('@opentelemetry/sdk-trace-node'),
      ]),
    );
    outlets.spanProcessors.push(new BatchSpanProcessor(new OTLPTraceExporter()));
  }
  if (isOtlpWanted('METRICS', env)) {
    const [{ OTLPMetricExporter }, { PeriodicExportingMetricReader }] = await optional(forOtlp, () =>
      Promise.all([
        import('@opentelemetry/exporter-metrics-otlp-proto'),
        import('@opentelemetry/sdk-metrics'),
      ]),
    );
    const exportIntervalMillis = Number(env.OTEL_METRIC_EXPORT_INTERVAL) || metricIntervalMs;
    const exporter = new OTLPMetricExporter();
    endGauges(exporter);
    outlets.metricReaders.push(
      new PeriodicExportingMetricReader({
        exporter,
        exportIntervalMillis,
        // The SDK refuses a timeout that is longer than the interval.
        exportTimeoutMillis: Math.min(waitMs, exportIntervalMillis),
      }),
    );
  }
  return outlets;
}

function isOtlpWanted(signal: Signal, env: Env): boolean {
  const chosen = env[`OTEL_${signal}_EXPORTER`];
  if (chosen) return chosen.split(',').some((name) => name.trim() === 'otlp');
  return Boolean(env.OTEL_EXPORTER_OTLP_ENDPOINT || env[`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`]);
}

/**
 * Ends the series of a gauge that is observed no more, such as that of a tenant that is well again. With the temporality
 * 'cumulative' the SDK repeats the last value for ever. A gauge's values are the same with both temporalities.
 * @param from an exporter, or a reader that chooses the temporality itself
 */
function endGauges(from: Pick<MetricReader, 'selectAggregationTemporality'>): void {
  const chosen = from.selectAggregationTemporality.bind(from);
  from.selectAggregationTemporality = (type) => (type === 'OBSERVABLE_GAUGE' ? delta : chosen(type));
}

/** AggregationTemporality.DELTA, without loading the SDK. */
const delta: AggregationTemporality.DELTA = 0;

/** Adds the collector of `scrape`. The exporter's own server is not started: the caller serves the text. */
async function withScrape(outlets: Outlets): Promise<Outlets> {
  const { PrometheusExporter, PrometheusSerializer } = await optional(
    forPrometheus,
    () => import('@opentelemetry/exporter-prometheus'),
  );
  const exporter = new PrometheusExporter({ preventServerStart: true });
  endGauges(exporter);
  const serializer = new PrometheusSerializer();
  return {
    ...outlets,
    metricReaders: [...outlets.metricReaders, exporter],
    scrape: async () => serializer.serialize((await exporter.collect()).resourceMetrics),
  };
}

async function resourceOf(serviceName: string, packages: readonly string[]) {
  const { detectResources, envDetector, resourceFromAttributes } = await optional(
    packages,
    () => import('@opentelemetry/resources'),
  );
  return resourceFromAttributes({
    'service.name': serviceName,
    'service.instance.id': randomUUID(),
  }).merge(detectResources({ detectors: [envDetector] }));
}

/** Returns the function that exports the rest and shuts down. */
async function startSdk(
  { spanProcessors, metricReaders }: Outlets,
  serviceName: string,
  packages: readonly string[],
): Promise<() => Promise<void>> {
  const resource = await resourceOf(serviceName, packages);
  const shutdowns: (() => Promise<void>)[] = [];
  // A signal that nothing takes has no provider, because spans and measurements cost time.
  if (spanProcessors.length > 0) {
    const { NodeTracerProvider } = await optional(packages, () => import('@opentelemetry/sdk-trace-node'));
    const provider = new NodeTracerProvider({
      resource,
      spanProcessors: [idleSpansDropped, ...spanProcessors],
    });
    provider.register();
    shutdowns.push(() => provider.shutdown());
  }
  if (metricReaders.length > 0) {
    const { MeterProvider } = await optional(packages, () => import('@opentelemetry/sdk-metrics'));
    const provider = new MeterProvider({ resource, readers: metricReaders, views: [boundedSeries] });
    metrics.setGlobalMeterProvider(provider);
    shutdowns.push(() => provider.shutdown());
  }
  return async () => {
    await Promise.allSettled(shutdowns.map((shutdown) => shutdown()));
  };
}

function closing(shutdown: () => Promise<void>, scrape?: () => Promise<string>): TelemetryExport {
  return {
    ...(scrape && { scrape }),
    async close() {
      let timer: NodeJS.Timeout | undefined;
      const patience = new Promise((resolve) => {
        timer = setTimeout(resolve, waitMs);
      });
      // A failed export must not affect dispatch.
      await Promise.race([shutdown().catch(() => {}), patience]);
      clearTimeout(timer);
    },
  };
}
