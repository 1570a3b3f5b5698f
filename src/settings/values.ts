/** The types of setting values, as options or as text from the environment. */
import ms from 'ms';
import * as v from 'valibot';

/** A duration: milliseconds as a number, or text such as '250ms', '30s', '5m', '2h' or '7d'. */
export type DurationInput = number | string;

/**
 * Parses a duration to milliseconds; a bare number is milliseconds. Returns null when the input is not a duration or
 * is negative.
 */
export function parseDuration(input: DurationInput): number | null {
  const text = typeof input === 'string' ? input.trim() : '';
  const parsed =
    typeof input === 'number'
      ? input
      : /^[\d.]+\s*[a-z]*$/i.test(text)
        ? ms(text as ms.StringValue)
        : undefined;
  return parsed === undefined || !Number.isFinite(parsed) || parsed < 0 ? null : Math.round(parsed);
}

export const duration = (min: number, max: number) =>
  v.pipe(
    v.union([v.number(), v.string()], 'must be a duration such as 500ms, 30s, 5m or 7d'),
    v.transform((input) => parseDuration(input) ?? Number.NaN),
    v.check(
      (value) => value >= min && value <= max,
      `must be a duration from ${ms(min)} to ${ms(max)}, such as 500ms, 30s, 5m or 7d`,
    ),
  );

export const count = (min: number, max: number) =>
  v.pipe(
    v.union(
      [
        v.number(),
        v.pipe(
          v.string(),
          v.transform((text) => (/^\d+$/.test(text.trim()) ? Number(text) : Number.NaN)),
        ),
      ],
      `must be a whole number from ${min} to ${max}`,
    ),
    v.check(
      (value) => Number.isInteger(value) && value >= min && value <= max,
      `must be a whole number from ${min} to ${max}`,
    ),
  );

const scheduleProblem =
  "must be a cron expression of five fields, or of six with seconds first, such as '*/5 * * * * *'";
export const schedule = v.pipe(
  v.string(scheduleProblem),
  v.regex(/^\s*\S+(\s+\S+){4,5}\s*$/, scheduleProblem),
);

export const flag = v.pipe(
  v.union(
    [v.boolean(), v.pipe(v.string(), v.toLowerCase(), v.picklist(['true', 'false', '1', '0']))],
    'must be true or false',
  ),
  v.transform((value) => value === true || value === 'true' || value === '1'),
);

export const text = v.pipe(v.string('must be text'), v.minLength(1, 'must not be empty'));

/**
 * Whether a value is a reference to a key vault's secret in the place of the secret. App Service passes the reference itself
 * when it cannot resolve it (https://learn.microsoft.com/azure/app-service/app-service-key-vault-references), and whoever knows
 * the names of the vault and the secret knows the reference.
 */
export const isUnresolvedReference = (value: string) => /^\s*@Microsoft\.KeyVault\(/i.test(value);

export const unresolvedProblem =
  "must be a secret, and not a Key Vault reference that was not resolved: see that the secret exists and that the app's identity may read it, then restart the app";
export const secretText = v.pipe(
  text,
  v.check((value) => !isUnresolvedReference(value), unresolvedProblem),
);

const directoryProblem = 'must be the id of a directory, such as 11111111-2222-3333-4444-555555555555';
export const directoryId = v.pipe(v.string(directoryProblem), v.uuid(directoryProblem));

const patternsProblem =
  "must be a list of servers, separated by commas, such as '*.database.windows.net, sql.example.com'";
export const serverPatterns = v.pipe(
  v.union([v.string(), v.array(v.string())], patternsProblem),
  v.transform((given) =>
    (typeof given === 'string' ? given.split(',') : given).map((one) => one.trim()).filter(Boolean),
  ),
  v.minLength(1, patternsProblem),
);

const sourcesProblem =
  'must be a list of sources, each with the app setting that holds its secret, such as bank=BANK_SECRET, shop=SHOP_SECRET';
export const sourceSecrets = v.pipe(
  // This is not v.record, because v.record drops a source named 'constructor'.
  v.custom<string | Record<string, string>>(
    (given) =>
      typeof given === 'string' || (typeof given === 'object' && given !== null && !Array.isArray(given)),
    sourcesProblem,
  ),
  v.transform((given): readonly [name: string, setting: unknown][] => {
    if (typeof given !== 'string') return Object.entries(given);
    const pairs = given.split(',').filter((pair) => pair.trim() !== '');
    return pairs.map((pair) => pair.split('=').map((part) => part.trim()) as [string, string]);
  }),
  v.check(
    (sources) =>
      sources.every(([, setting]) => typeof setting === 'string' && /^[A-Za-z_]\w*$/.test(setting)),
    sourcesProblem,
  ),
  v.check(
    (sources) => new Set(sources.map(([name]) => name)).size === sources.length,
    'has a source twice; list each source once',
  ),
  v.transform((sources) => Object.fromEntries(sources) as Record<string, string>),
);

/** The rights of the console; src/console/rights.ts says what each allows. */
export const rightNames = ['look', 'payload', 'act', 'destroy', 'configure'] as const;
type RightName = (typeof rightNames)[number];
const isRight = (name: string): name is RightName => rightNames.some((right) => right === name);

const rightsProblem = `must be some of ${rightNames.join(', ')}, with commas between`;
export const consoleRights = v.pipe(
  v.union([v.string(), v.array(v.string())], rightsProblem),
  v.transform((given) =>
    (typeof given === 'string' ? given.split(',') : given).map((one) => one.trim()).filter(Boolean),
  ),
  v.check((names) => names.every(isRight), rightsProblem),
  v.transform((names) => names.filter(isRight)),
);
