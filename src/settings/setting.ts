/** The schemas of single settings, with the environment variable and the meaning of each. */
import * as v from 'valibot';
import { secretText } from './values.ts';

export interface SettingMetadata {
  readonly env: string;
  readonly secret?: true;
}

export type AnySchema = v.GenericSchema;

/** A setting with a default, which is written as a user would write it. */
export function setting<const Schema extends AnySchema>(
  env: string,
  schema: Schema,
  fallback: v.InferInput<Schema>,
  meaning: string,
) {
  return v.optional(
    v.pipe(schema, v.metadata({ env } satisfies SettingMetadata), v.description(meaning)),
    fallback as never,
  ) as unknown as v.OptionalSchema<Schema, v.InferInput<Schema>>;
}

/** A setting without a default. */
export function optionalSetting<const Schema extends AnySchema>(
  env: string,
  schema: Schema,
  meaning: string,
  more: Omit<SettingMetadata, 'env'> = {},
) {
  return v.optional(
    v.pipe(schema, v.metadata({ env, ...more }), v.description(meaning)),
  ) as unknown as v.OptionalSchema<Schema, undefined>;
}

/** A setting without a default whose value is never shown. */
export const secretSetting = (env: string, meaning: string) =>
  optionalSetting(env, secretText, meaning, { secret: true });
