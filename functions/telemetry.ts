/**
 * Traces and metrics of the app. Spans join the trace of the host's invocation. The exporter is loaded after the first
 * invocation, or one second after the start, so that it does not slow a cold start.
 */
import { app } from '@azure/functions';
import { context, propagation } from '@opentelemetry/api';
import { errorText, exportTelemetry, type TelemetryExport } from '../src/index.ts';
import { hostLogger } from './logging.ts';
import type { Termination } from './termination.ts';

const startAfterMs = 1_000;

export function registerTelemetry({ afterRuns }: Termination): void {
  let sending: Promise<TelemetryExport | undefined> | undefined;

  function send(): void {
    sending ??= exportTelemetry(process.env.WEBSITE_SITE_NAME).catch((error) => {
      hostLogger.warn(errorText(error));
      return undefined;
    });
  }

  app.hook.preInvocation((hook) => {
    const { functionHandler, invocationContext } = hook;
    hook.functionHandler = async (...args) => {
      const { traceParent: traceparent, traceState: tracestate } = invocationContext.traceContext ?? {};
      const caller = propagation.extract(context.active(), { traceparent, tracestate });
      try {
        return await context.with(caller, () => functionHandler(...args));
      } finally {
        send();
      }
    };
  });

  app.hook.appStart(() => {
    setTimeout(send, startAfterMs).unref();
  });

  afterRuns(async () => (await sending)?.close());
}
