/**
 * The settings of a function app: those of docs/configuration.md, with the defaults that suit this host, and held
 * against the host's own limits.
 */
import {
  loadSettings,
  MultiOutboxError,
  parseDuration,
  type Settings,
  type SettingsInput,
} from '../src/index.ts';
import { functionTimeoutMs } from './host-json.ts';

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

/**
 * @param given in code; it stands before the app settings
 * @throws MultiOutboxError INVALID_CONFIGURATION
 */
export function functionSettings(env: NodeJS.ProcessEnv = process.env, given: SettingsInput = {}): Settings {
  const isSet = (variable: string) => env[variable] !== undefined && env[variable] !== '';
  const defaults = Object.entries(functionDefaults).filter(([variable]) => !isSet(variable));
  const settings = loadSettings(given, { ...env, ...Object.fromEntries(defaults) });
  const { handlerTimeoutMs, graceMs } = settings.dispatch;
  if (graceMs > longestGraceMs) {
    const name = given.dispatch?.graceMs === undefined ? 'MULTI_OUTBOX_GRACE' : "Option 'dispatch.graceMs'";
    throw refusal(
      `${name} is ${graceMs} ms: a function app has five seconds to stop, so it must be at most ${longestGraceMs} ms.`,
    );
  }
  const timeBudgetMs = timeBudget(
    settings,
    given.dispatch?.timeBudgetMs !== undefined
      ? "Option 'dispatch.timeBudgetMs'"
      : isSet('MULTI_OUTBOX_TIME_BUDGET')
        ? 'MULTI_OUTBOX_TIME_BUDGET'
        : undefined,
    functionTimeoutMs(env),
  );
  const isIntervalGiven = given.plan?.intervalMs !== undefined || isSet('MULTI_OUTBOX_PLAN_INTERVAL');
  return {
    ...settings,
    dispatch: { ...settings.dispatch, timeBudgetMs },
    plan: {
      ...settings.plan,
      intervalMs: isIntervalGiven
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
function timeBudget({ dispatch }: Settings, givenAs: string | undefined, functionTimeout: number): number {
  const { timeBudgetMs, handlerTimeoutMs, graceMs } = dispatch;
  const longest = functionTimeout - handlerTimeoutMs - graceMs - marginMs;
  const sum = `functionTimeout ${functionTimeout} ms - MULTI_OUTBOX_HANDLER_TIMEOUT ${handlerTimeoutMs} ms - MULTI_OUTBOX_GRACE ${graceMs} ms - ${marginMs} ms`;
  if (longest < 1_000) {
    throw refusal(
      `No time is left for dispatch runs (${sum}): raise functionTimeout in host.json, or lower the handler timeout.`,
    );
  }
  if (givenAs !== undefined && timeBudgetMs > longest) {
    throw refusal(
      `${givenAs} is ${timeBudgetMs} ms: it must be at most ${longest} ms (${sum}). Lower it, or raise functionTimeout in host.json.`,
    );
  }
  return Math.min(timeBudgetMs, longest);
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
