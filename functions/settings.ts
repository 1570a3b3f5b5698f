/**
 * The settings of a function app: those of docs/configuration.md, with defaults for this host, and checked against the
 * host's limits.
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
 * Defaults that replace those of src/settings.ts. An app setting overrides them; an empty one counts as absent.
 * - GRACE: after its notice of termination the host waits only five seconds.
 * - PLAN_CAPACITY: a plan is sent in pages, so one plan can cover a large fleet.
 */
export const functionDefaults: Readonly<Record<string, string>> = {
  MULTI_OUTBOX_GRACE: '3s',
  MULTI_OUTBOX_PLAN_CAPACITY: '10000',
};

/**
 * After the grace the run still settles, reports and sends its outputs, and the app exports the rest of its telemetry,
 * all within the host's limit of five seconds.
 */
const longestGraceMs = 3_500;
/** Time to open the database before the time budget starts, and to settle, report and send outputs after the grace. */
const marginMs = 10_000;
/**
 * Time that a request may wait in the queue before its run: polling, a cold start, earlier requests. After it the request
 * counts as lost with its instance. A run that has begun postpones its tenant's next plan itself. It is longer than a lease and
 * the grace, and short enough that with a plan and a poll of the queue a lost request's tenant begins again within 45 seconds.
 */
const redispatchMs = 36_000;

/**
 * @param given the settings given in code; they override the app settings
 * @throws MultiOutboxError INVALID_CONFIGURATION
 */
export function functionSettings(env: NodeJS.ProcessEnv = process.env, given: SettingsInput = {}): Settings {
  const isSet = (variable: string) => env[variable] !== undefined && env[variable] !== '';
  const defaults = Object.entries(functionDefaults).filter(([variable]) => !isSet(variable));
  const settings = loadSettings(given, { ...env, ...Object.fromEntries(defaults) });
  const { graceMs } = settings.dispatch;
  if (graceMs > longestGraceMs) {
    const name = given.dispatch?.graceMs === undefined ? 'MULTI_OUTBOX_GRACE' : "Option 'dispatch.graceMs'";
    throw refusal(
      `${name} is ${graceMs} ms, but a function app has only five seconds to stop; set it to at most ${longestGraceMs} ms.`,
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
      redispatchMs: settings.plan.redispatchMs ?? redispatchMs,
    },
  };
}

/**
 * After its time budget a run still waits one handler timeout and the grace for its handlers (D5). All three together
 * must fit into the host's limit for one invocation.
 */
function timeBudget({ dispatch }: Settings, givenAs: string | undefined, functionTimeout: number): number {
  const { timeBudgetMs, handlerTimeoutMs, graceMs } = dispatch;
  const longest = functionTimeout - handlerTimeoutMs - graceMs - marginMs;
  const sum = `functionTimeout ${functionTimeout} ms - MULTI_OUTBOX_HANDLER_TIMEOUT ${handlerTimeoutMs} ms - MULTI_OUTBOX_GRACE ${graceMs} ms - ${marginMs} ms`;
  if (longest < 1_000) {
    throw refusal(
      `The host's limit leaves no time for dispatch runs (${sum}); raise functionTimeout in host.json, or lower the handler timeout.`,
    );
  }
  if (givenAs !== undefined && timeBudgetMs > longest) {
    throw refusal(
      `${givenAs} is ${timeBudgetMs} ms, but it must be at most ${longest} ms (${sum}). Lower it, or raise functionTimeout in host.json.`,
    );
  }
  return Math.min(timeBudgetMs, longest);
}

/** Stands in for the interval of an irregular schedule, so that its plans are not reported as late. */
const longestIntervalMs = parseDuration('1d')!;

/** Milliseconds between two plans for a schedule of every n seconds or every n minutes; null for any other schedule. */
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
