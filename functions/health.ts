/** HTTP triggers that report on the process, its readiness and the fleet. None opens a tenant database (F6). */
import { app, type HttpResponseInit } from '@azure/functions';
import { isMultiOutboxError, type TenantRecord } from '../src/index.ts';
import type { App, CurrentApp, Sources } from './app.ts';
import { answering, isForCallers } from './http/problem.ts';
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
      const checks = await readiness(currentApp, terminating);
      const isReady = Object.values(checks).every(({ ok }) => ok);
      if (isReady) await latePlan.makeIfLate(context);
      return answer(isReady ? 200 : 503, { status: isReady ? 'ok' : 'failed', checks });
    }),
  });

  app.http('health-fleet', {
    methods: ['GET'],
    authLevel: 'function',
    route: 'health/fleet',
    extraOutputs: planOutputs,
    handler: answering(async (_request, context) => {
      const { multiOutbox } = currentApp();
      const fleet = await multiOutbox.status();
      const { tenants, examined, complete } = await multiOutbox.worst();
      const status = fleet.failing + fleet.withFailingTopics > 0 ? 'troubled' : 'ok';
      await latePlan.makeIfLate(context);
      return answer(200, { status, fleet, worst: tenants.map(tenantHealth), examined, complete });
    }),
  });
}

function answer(status: number, content: unknown): HttpResponseInit {
  return { status, headers: { 'cache-control': 'no-store' }, jsonBody: content };
}

interface Check {
  readonly ok: boolean;
  readonly code?: string;
  /** Names of the unusable sources. */
  readonly unusable?: readonly string[];
}

/** Shows only error codes; the log has the details. */
async function readiness(currentApp: CurrentApp, terminating: AbortSignal): Promise<Record<string, Check>> {
  let current: App;
  try {
    current = currentApp();
  } catch (error) {
    return { configuration: failed(error) };
  }
  const { multiOutbox } = current;
  return {
    configuration: { ok: true },
    sources: sourcesCheck(current.sources),
    handlers: { ok: multiOutbox.handlers.length > 0 },
    registry: await multiOutbox
      .registrySchema()
      .then(({ version, oldestUsable }) => schemaCheck(version, oldestUsable))
      .catch(failed),
    instance: { ok: !terminating.aborted },
  };
}

function sourcesCheck(sources: Sources): Check {
  if ('error' in sources) return failed(sources.error);
  const unusable = [...sources.byName.values()].filter((source) => source.unusable);
  if (unusable.length === 0) return { ok: true };
  return { ...failed(unusable[0]!.unusable), unusable: unusable.map(({ name }) => name) };
}

/**
 * A schema is ready if this release can use it, even if the versions differ: during an upgrade the fleet has hosts of
 * two releases.
 */
function schemaCheck(version: number, oldestUsable: number): Check {
  if (version >= oldestUsable) return { ok: true };
  return { ok: false, code: version === 0 ? 'SCHEMA_MISSING' : 'SCHEMA_OUTDATED' };
}

function failed(error: unknown): Check {
  return { ok: false, code: isMultiOutboxError(error) ? error.code : 'UNKNOWN' };
}

function tenantHealth({ id, schedule }: TenantRecord) {
  const { nextDueUtc, lastRunUtc, lastOutcome, failureStreak, backlog, totals } = schedule;
  const { queues, parkedTopics, failingTopics } = schedule;
  const { lastError, lastErrorCode, lastErrorUtc } = schedule;
  const error = lastErrorCode !== null && {
    code: lastErrorCode,
    utc: lastErrorUtc,
    ...(isForCallers(lastErrorCode) && { message: lastError }),
  };
  return {
    tenantId: id,
    nextDueUtc,
    lastRunUtc,
    lastOutcome,
    failureStreak,
    backlog,
    queues,
    parkedTopics,
    failingTopics,
    totals,
    lastError: error || null,
  };
}
