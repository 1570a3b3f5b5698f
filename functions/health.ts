/** HTTP triggers that report on the process, its readiness and the fleet. None opens a tenant database (F6). */
import { app, type HttpResponseInit } from '@azure/functions';
import {
  type Check,
  fleetHealth,
  fleetHealthQuery,
  isMultiOutboxError,
  type Readiness,
  readiness,
} from '../src/index.ts';
import type { App, CurrentApp, Sources } from './app.ts';
import { answering } from './http/problem.ts';
import type { LatePlan } from './late-plan.ts';
import { planOutputs } from './send-plan.ts';

export function registerHealth(currentApp: CurrentApp, terminating: AbortSignal, latePlan: LatePlan): void {
  app.http('health-live', {
    methods: ['GET'],
    authLevel: 'anonymous',
    route: 'health/live',
    handler: async () => answer(200, { status: 'ok' }),
  });

  app.http('health-ready', {
    methods: ['GET'],
    authLevel: 'function',
    route: 'health/ready',
    extraOutputs: planOutputs,
    handler: answering(async (_request, context) => {
      const ready = await appReadiness(currentApp, terminating);
      const isReady = ready.status === 'ok';
      if (isReady) await latePlan.makeIfLate(context);
      return answer(isReady ? 200 : 503, ready);
    }),
  });

  app.http('health-fleet', {
    methods: ['GET'],
    authLevel: 'function',
    route: 'health/fleet',
    extraOutputs: planOutputs,
    handler: answering(async ({ query }, context) => {
      const options = fleetHealthQuery(query);
      const health = await fleetHealth(currentApp().multiOutbox, options);
      await latePlan.makeIfLate(context);
      return answer(options.failOn !== undefined && health.status === 'troubled' ? 503 : 200, health);
    }),
  });
}

function answer(status: number, content: unknown): HttpResponseInit {
  return { status, headers: { 'cache-control': 'no-store' }, jsonBody: content };
}

async function appReadiness(currentApp: CurrentApp, terminating: AbortSignal): Promise<Readiness> {
  let current: App;
  try {
    current = currentApp();
  } catch (error) {
    return { status: 'failed', checks: { configuration: failed(error) } };
  }
  return readiness(current.multiOutbox, terminating, {
    configuration: { ok: true },
    sources: sourcesCheck(current.sources),
  });
}

/** Shows only error codes; the log has the details. */
function sourcesCheck(sources: Sources): Check & { readonly unusable?: readonly string[] } {
  if ('error' in sources) return failed(sources.error);
  const unusable = [...sources.byName.values()].filter((source) => source.unusable);
  if (unusable.length === 0) return { ok: true };
  return { ...failed(unusable[0]!.unusable), unusable: unusable.map(({ name }) => name) };
}

function failed(error: unknown): Check {
  return { ok: false, code: isMultiOutboxError(error) ? error.code : 'UNKNOWN' };
}
