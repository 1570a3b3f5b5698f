/** `multi-outbox/functions`: the functions of an Azure Functions app, with your own handlers and settings. */
import { app } from '@azure/functions';
import { type MultiOutbox, MultiOutboxError } from '../src/index.ts';
import { appOf, startApp } from './app.ts';
import { registerConsole } from './console.ts';
import { registerDispatch } from './dispatch.ts';
import { registerEnqueue } from './enqueue.ts';
import { registerHealth } from './health.ts';
import { latePlan } from './late-plan.ts';
import { registerLogging } from './logging.ts';
import { registerOpenapi } from './openapi.ts';
import { checkedOptions, type RegisterFunctionsOptions } from './options.ts';
import { registerPages } from './pages.ts';
import { registerPlan } from './plan.ts';
import { registerPoison } from './poison.ts';
import { registerReceive } from './receive.ts';
import { registerTelemetry } from './telemetry.ts';
import { registerTermination } from './termination.ts';
import { registerWake } from './wake.ts';

export type { RegisterFunctionsOptions } from './options.ts';

export interface RegisteredFunctions {
  /**
   * The app's multi-outbox, for your own functions: they share its connections, and its wakes have no delay. It stays
   * open until the process ends.
   * @throws MultiOutboxError INVALID_CONFIGURATION, DUPLICATE_HANDLER when the app's configuration is invalid
   */
  multiOutbox(): MultiOutbox;
}

let isRegistered = false;

/**
 * Registers the functions plan, plan-now, pages, dispatch, wake, wake-queue, the readers of their poison queues, enqueue,
 * receive, health-… and openapi, with a setting also console, and hooks for logs, traces and termination. Call it once, while the app's entry file loads. With
 * invalid app settings the app still starts; the log, health/ready and every function then report the error.
 * @throws MultiOutboxError INVALID_CONFIGURATION when an option is wrong, or at a second call
 */
export function registerFunctions(options: RegisterFunctionsOptions): RegisteredFunctions {
  if (isRegistered) {
    throw new MultiOutboxError(
      'INVALID_CONFIGURATION',
      'registerFunctions was called twice in one app; call it once and give it all handlers and sources.',
    );
  }
  const checked = checkedOptions(options);
  const currentApp = appOf(checked);
  isRegistered = true;

  // Without streams the host drops a body that has no Content-Length.
  app.setup({ enableHttpStream: true });
  registerLogging();
  const termination = registerTermination();
  const terminating = termination.signal;
  const late = latePlan(currentApp, terminating);
  registerPlan(currentApp, terminating);
  registerPages();
  registerDispatch(currentApp, terminating, late);
  registerPoison(currentApp, terminating);
  registerWake(currentApp, late);
  registerEnqueue(currentApp);
  registerReceive(currentApp);
  registerHealth(currentApp, terminating, late);
  registerOpenapi();
  registerConsole(currentApp, checked.settings, terminating);
  // Failed wakes are tried once more, and the registry's and tenants' databases are closed.
  termination.afterRuns(async () => currentApp().multiOutbox.close());
  registerTelemetry(termination);
  app.hook.appStart(() => startApp(currentApp));

  return { multiOutbox: () => currentApp().multiOutbox };
}
