/**
 * Traces and metrics of the app. Spans join the trace of the host's invocation. What sends them is loaded once the first
 * invocation is over, or a second after the start: a cold start does not wait for it.
 */
import { app } from '@azure/functions';
import { context, propagation } from '@opentelemetry/api';
import { errorText, exportTelemetry, type TelemetryExport } from '../src/index.ts';
import { hostLogger } from './logging.ts';

const startAfterMs = 1_000;

/** After `registerTermination`: runs end before what they recorded is sent for the last time. */
export function registerTelemetry(): void {
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

  app.hook.appTerminate(async () => {
    await (await sending)?.close();
  });
}
