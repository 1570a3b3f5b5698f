/**
 * Traces and metrics of the app. If the host names a trace, spans join it: every host names one for HTTP functions, newer ones
 * for timers and queues too. The exporter is loaded after the first invocation, or one second after the start, so that it does not slow a cold start.
 */
import { app } from '@azure/functions';
import { context, propagation } from '@opentelemetry/api';
import { errorText, exportTelemetry, type TelemetryExport } from '../src/index.ts';
import { hostLogger } from './logging.ts';
import { isPoisonReader } from './poison.ts';
import type { Termination } from './termination.ts';

const startAfterMs = 1_000;

/** The variables of the export. The host does not know the app's own connection string, so with it alone it exports nothing. */
export function exportEnv(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const ownConnectionString = env.APP_APPLICATIONINSIGHTS_CONNECTION_STRING;
  return ownConnectionString ? { ...env, APPLICATIONINSIGHTS_CONNECTION_STRING: ownConnectionString } : env;
}

export function registerTelemetry({ afterRuns }: Termination): void {
  let sending: Promise<TelemetryExport | undefined> | undefined;

  function send(): Promise<unknown> {
    sending ??= exportTelemetry(process.env.WEBSITE_SITE_NAME, exportEnv(process.env)).catch((error) => {
      hostLogger.warn(errorText(error));
      return undefined;
    });
    return sending;
  }

  app.hook.preInvocation((hook) => {
    const { functionHandler, invocationContext } = hook;
    hook.functionHandler = async (...args) => {
      const { traceParent: traceparent, traceState: tracestate } = invocationContext.traceContext ?? {};
      // An alert rests on what these functions count, and their first message may start their instance.
      if (isPoisonReader(invocationContext.functionName)) await send();
      const caller = propagation.extract(context.active(), { traceparent, tracestate });
      try {
        return await context.with(caller, () => functionHandler(...args));
      } finally {
        void send();
      }
    };
  });

  app.hook.appStart(() => {
    setTimeout(send, startAfterMs).unref();
  });

  afterRuns(async () => (await sending)?.close());
}
