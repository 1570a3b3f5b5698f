/**
 * The settings of a function app: those of docs/configuration.md, with the defaults that suit this host, and held
 * against the host's own limits.
 */
import hostJson from '../host.json' with { type: 'json' };
import { loadSettings, MultiOutboxError, parseDuration, type Settings } from '../src/index.ts';

/**
 * Defaults that stand in for those of src/settings.ts. An app setting comes before them; an empty one counts as absent.
 * - GRACE: all that follows the host's notice of termination must fit into five seconds.
 * - PLAN_CAPACITY: pages fan a plan out, so one plan can take in a large fleet.
 */
export const functionDefaults: Readonly<Record<string, string>> = {
  MULTI_OUTBOX_GRACE: '3s',
  MULTI_OUTBOX_PLAN_CAPACITY: '10000',
};

/** After the grace, outcomes are settled, the run is reported and outputs are sent; the host's limit is five seconds. */
const longestGraceMs = 4_000;
/** Opening the database before the budget's clock starts; settling, reporting and sending outputs after the grace. */
const marginMs = 10_000;
/** What a request may take through the queue besides its run: polling, a cold start, other requests before it. */
const queueAllowanceMs = 60_000;

/** @throws MultiOutboxError INVALID_CONFIGURATION */
export function functionSettings(env: NodeJS.ProcessEnv = process.env): Settings {
  const isGiven = (variable: string) => env[variable] !== undefined && env[variable] !== '';
  const defaults = Object.entries(functionDefaults).filter(([variable]) => !isGiven(variable));
  const settings = loadSettings({}, { ...env, ...Object.fromEntries(defaults) });
  const { handlerTimeoutMs, graceMs } = settings.dispatch;
  if (graceMs > longestGraceMs) {
    throw refusal(
      `MULTI_OUTBOX_GRACE is ${graceMs} ms: a function app has five seconds to stop, so it must be at most ${longestGraceMs} ms.`,
    );
  }
  const timeBudgetMs = timeBudget(settings, isGiven('MULTI_OUTBOX_TIME_BUDGET'), functionTimeoutMs(env));
  return {
    ...settings,
    dispatch: { ...settings.dispatch, timeBudgetMs },
    plan: {
      ...settings.plan,
      intervalMs: isGiven('MULTI_OUTBOX_PLAN_INTERVAL')
        ? settings.plan.intervalMs
        : (intervalOf(settings.functions.schedule) ?? longestIntervalMs),
      // A run under way is not asked for again, and one whose request or instance was lost is, this much later.
      redispatchMs:
        settings.plan.redispatchMs ?? timeBudgetMs + handlerTimeoutMs + graceMs + queueAllowanceMs,
    },
  };
}

/**
 * After its time budget a run still gives its handlers one handler timeout and the grace (D5), all of it within the
 * host's limit for one invocation.
 */
function timeBudget({ dispatch }: Settings, isGiven: boolean, functionTimeout: number): number {
  const { timeBudgetMs, handlerTimeoutMs, graceMs } = dispatch;
  const longest = functionTimeout - handlerTimeoutMs - graceMs - marginMs;
  const sum = `functionTimeout ${functionTimeout} ms - MULTI_OUTBOX_HANDLER_TIMEOUT ${handlerTimeoutMs} ms - MULTI_OUTBOX_GRACE ${graceMs} ms - ${marginMs} ms`;
  if (longest < 1_000) {
    throw refusal(
      `No time is left for dispatch runs (${sum}): raise functionTimeout in host.json, or lower the handler timeout.`,
    );
  }
  if (isGiven && timeBudgetMs > longest) {
    throw refusal(
      `MULTI_OUTBOX_TIME_BUDGET is ${timeBudgetMs} ms: it must be at most ${longest} ms (${sum}). Lower it, or raise functionTimeout in host.json.`,
    );
  }
  return Math.min(timeBudgetMs, longest);
}

/** The host's limit for one invocation; an app setting may stand in for host.json. Infinite when there is none. */
function functionTimeoutMs(env: NodeJS.ProcessEnv): number {
  const text = env.AzureFunctionsJobHost__functionTimeout || hostJson.functionTimeout;
  if (text === '-1') return Number.POSITIVE_INFINITY;
  const [, days = '0', hours, minutes, seconds] = /^(?:(\d+)\.)?(\d+):(\d+):(\d+)$/.exec(text) ?? [];
  if (seconds === undefined) {
    throw refusal(`functionTimeout is ${JSON.stringify(text)}: it must be like '00:10:00', or '-1'.`);
  }
  return (((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1_000;
}

/** No plan is late that the schedule cannot tell of. */
const longestIntervalMs = parseDuration('1d')!;

/** Milliseconds between two plans, of the schedules that are plain intervals: every n seconds, every n minutes. */
export function intervalOf(schedule: string): number | null {
  const fields = schedule.trim().split(/\s+/);
  const [seconds, minutes, ...rest] = fields.length === 5 ? ['0', ...fields] : fields;
  if (rest.some((field) => field !== '*')) return null;
  if (minutes === '*') return seconds === '*' ? 1_000 : isWhole(seconds!) ? 60_000 : step(seconds!, 1_000);
  return isWhole(seconds!) ? step(minutes!, 60_000) : null;
}

function isWhole(field: string): boolean {
  return /^\d+$/.test(field);
}

function step(field: string, unitMs: number): number | null {
  const [, count] = /^(?:\*|0)\/(\d+)$/.exec(field) ?? [];
  return count === undefined ? null : Number(count) * unitMs;
}

function refusal(message: string): MultiOutboxError {
  return new MultiOutboxError('INVALID_CONFIGURATION', message);
}
