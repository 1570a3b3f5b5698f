/**
 * The settings in force in this process, each with the origin of its value. They are for people to read, so secrets are
 * masked.
 */
import { loadSettings, type SettingsInput, settingDescriptions } from '../settings.ts';

export interface SettingInForce {
  /** Path in the options object, such as `dispatch.batchSize`. */
  readonly option: string;
  /** Environment variable. */
  readonly variable: string;
  /** The checked value (durations in milliseconds); null if the setting has none; `masked` if the value is secret. */
  readonly value: unknown;
  readonly source: 'default' | 'environment' | 'option';
}

/** Stands in for a value that is set and must not be shown. */
export const masked = '***';

/** @throws MultiOutboxError INVALID_CONFIGURATION, as `loadSettings` */
export function settingsInForce(
  options: SettingsInput = {},
  env: NodeJS.ProcessEnv = process.env,
): SettingInForce[] {
  const settings = loadSettings(options, env);
  return settingDescriptions.map(({ option, variable, secret }) => {
    const value = valueAt(settings, option) ?? null;
    return {
      option,
      variable,
      value: value !== null && (secret || holdsPassword(option, value)) ? masked : value,
      source:
        valueAt(options, option) !== undefined
          ? 'option'
          : env[variable] === undefined || env[variable] === ''
            ? 'default'
            : 'environment',
    };
  });
}

function valueAt(settings: object, option: string): unknown {
  return option
    .split('.')
    .reduce<unknown>((level, key) => (level as Record<string, unknown> | undefined)?.[key], settings);
}

/** The registry's URL may contain a user and a password; a connection string most likely contains them. */
function holdsPassword(option: string, value: unknown): boolean {
  return option === 'registry' && !/^(sqlite:|mssql:\/\/[^@]*$)/.test(String(value));
}
