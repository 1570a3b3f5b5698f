/**
 * The settings of the system, which src/settings/table.ts lists. They come from the options object or from
 * environment variables prefixed MULTI_OUTBOX_; an option overrides the environment.
 */
import * as v from 'valibot';
import { MultiOutboxError, propertyOf, readable, shownName, shownValue } from './errors.ts';
import { type NamesOf, nearestName, objectOf } from './options.ts';
import { hasFields } from './plain-object.ts';
import { safeParse } from './safe-parse.ts';
import type { AnySchema, SettingMetadata } from './settings/setting.ts';
import { groups, schema } from './settings/table.ts';

export {
  type DurationInput,
  isUnresolvedReference,
  parseDuration,
  rightNames,
  unresolvedProblem,
} from './settings/values.ts';

export const environmentPrefix = 'MULTI_OUTBOX_';

/** Settings as a user gives them (docs/configuration.md): all optional; durations are milliseconds, or text such as '5m'. */
export type SettingsInput = v.InferInput<typeof schema>;
/** Checked settings: all present, durations in milliseconds. */
export type Settings = v.InferOutput<typeof schema>;

/** The names of the settings that have no group, and of the groups. */
export const settingNames = Object.fromEntries(
  Object.keys(schema.entries).map((name) => [name, true]),
) as NamesOf<SettingsInput>;

/** One row of the table of settings. */
export interface SettingDescription {
  /** Path in the options object, such as `dispatch.batchSize`. */
  readonly option: string;
  /** Environment variable. */
  readonly variable: string;
  /** The default, as a user would write it; null when there is none. */
  readonly fallback: string | null;
  readonly meaning: string;
  readonly secret: boolean;
}

type SettingSchema = v.OptionalSchema<AnySchema, unknown>;

function describe(option: string, entry: SettingSchema): SettingDescription {
  const metadata = v.getMetadata(entry.wrapped as never) as unknown as SettingMetadata;
  const fallback = entry.default;
  return {
    option,
    variable: environmentPrefix + metadata.env,
    fallback: fallback === undefined ? null : String(fallback),
    meaning: v.getDescription(entry.wrapped as never) ?? '',
    secret: metadata.secret === true,
  };
}

/** Every setting, in the order of src/settings/table.ts. */
export const settingDescriptions: readonly SettingDescription[] = [
  describe('registry', schema.entries.registry as unknown as SettingSchema),
  describe('handlersModule', schema.entries.handlersModule as unknown as SettingSchema),
  ...Object.entries(groups).flatMap(([group, { entries }]) =>
    Object.entries(entries).map(([name, entry]) =>
      describe(`${group}.${name}`, entry as unknown as SettingSchema),
    ),
  ),
];

/**
 * Checks the options, and takes missing ones from the environment, then from the defaults. Empty environment
 * variables count as absent.
 * @throws MultiOutboxError INVALID_CONFIGURATION that names the option or variable and its allowed values
 */
export function loadSettings(options: SettingsInput = {}, env: NodeJS.ProcessEnv = process.env): Settings {
  if (!hasFields(objectOf('The settings', options, 'INVALID_CONFIGURATION')))
    throw new MultiOutboxError(
      'INVALID_CONFIGURATION',
      'The settings must be a plain object of settings, and one that can be read.',
    );
  objectOf('The environment of the settings', env, 'INVALID_CONFIGURATION');
  const merged: Record<string, unknown> = {};
  const read = () => {
    for (const [key, value] of Object.entries(options)) {
      if (value !== undefined)
        merged[key] = hasFields(value) ? definedOnly(value) : isLost(value) ? null : value;
    }
  };
  readable('The settings:', read, 'INVALID_CONFIGURATION');
  const fromEnvironment = new Set<string>();
  for (const { option, variable } of settingDescriptions) {
    const value = propertyOf(env, variable) as string | undefined;
    if (value === undefined || value === '') continue;
    const [group, name] = option.split('.') as [string, string?];
    if (name !== undefined && merged[group] === undefined) merged[group] = {};
    // Skip a group that is not an object; the schema below refuses it.
    if (name !== undefined && !hasFields(merged[group])) continue;
    const target = name === undefined ? merged : (merged[group] as Record<string, unknown>);
    const key = name ?? group;
    if (target[key] !== undefined) continue;
    target[key] = value;
    fromEnvironment.add(option);
  }
  const result = safeParse(schema, merged);
  if (result.success) return result.output;
  const issue = result.issues[0];
  const option = issue.path?.map((item) => String(item.key)).join('.') ?? 'options';
  const description = settingDescriptions.find((candidate) => candidate.option === option);
  const name =
    description && fromEnvironment.has(option) ? description.variable : `Option '${shownName(option)}'`;
  const given = option
    .split('.')
    .reduce<unknown>((level, key) => (hasFields(level) ? level[key] : undefined), merged);
  const shown = description && !description.secret ? ` is ${shownValue(given)}` : '';
  const isGroupName = Object.hasOwn(groups, option);
  const problem = description
    ? issue.message
    : isGroupName
      ? 'must be an object of settings; see docs/configuration.md'
      : `is not a setting; ${adviceOn(option)}`;
  throw new MultiOutboxError(
    'INVALID_CONFIGURATION',
    `${name}${shown}: it ${problem}${problem.endsWith('?') ? '' : '.'}`,
  );
}

function adviceOn(option: string): string {
  const options = settingDescriptions.map((setting) => setting.option);
  const nameOf = (path: string) => path.slice(path.lastIndexOf('.') + 1);
  // A setting may also stand outside its group, or in the wrong one.
  const name = nearestName(nameOf(option), options.map(nameOf));
  const nearest =
    nearestName(option, [...Object.keys(groups), ...options]) ??
    (name === undefined ? undefined : options.find((path) => nameOf(path) === name));
  return nearest === undefined ? 'docs/configuration.md lists the settings' : `did you mean '${nearest}'?`;
}

/** The variable of a setting that a misspelt name most likely means. */
export function nearestVariable(name: string): string | undefined {
  return nearestName(
    name,
    settingDescriptions.map(({ variable }) => variable),
  );
}

/** Variables with the prefix of settings that are not settings, most likely misspelt. */
export function unknownVariables(env: NodeJS.ProcessEnv = process.env): string[] {
  const known = new Set(settingDescriptions.map(({ variable }) => variable));
  return Object.keys(env).filter(
    (name) =>
      name.startsWith(environmentPrefix) && !known.has(name) && !name.startsWith(`${environmentPrefix}TEST_`),
  );
}

/** A Map or a list has no fields: the schema would take it for a group of which nothing is set, but it refuses null. */
function isLost(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

function definedOnly(group: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(group).filter(([, value]) => value !== undefined));
}
