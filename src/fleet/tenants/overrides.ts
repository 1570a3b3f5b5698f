/** The values of a tenant that override the fleet's: their bounds, and changes to some of them. */
import * as v from 'valibot';
import type { TenantOverrides } from '../../engine/registry.ts';
import { MultiOutboxError } from '../../errors.ts';
import { type NamesOf, optionsOf } from '../../options.ts';
import { safeParse } from '../../safe-parse.ts';
import { parseDuration } from '../../settings.ts';

/**
 * A change to a tenant's overrides: a value takes the place of the tenant's, null removes it, so that the fleet's holds, and
 * what is not named stays.
 */
export interface OverridesChange {
  /** Messages, 1 to 5,000. */
  readonly batchSize?: number | null;
  /** Handlers at once, 1 to 1,000. */
  readonly concurrency?: number | null;
  /** Milliseconds, or text such as '5m', to 365 days; or 'never'. */
  readonly idleCeilingMs?: number | string | null;
}

// Every check has a message of its own, because the validator's messages quote the input, which may be a misplaced
// secret.
export const whole = (min: number, max: number) => {
  const problem = `must be a whole number from ${min} to ${max}`;
  return v.pipe(v.number(problem), v.integer(problem), v.minValue(min, problem), v.maxValue(max, problem));
};

const longestCeilingMs = 365 * 86_400_000;
const ceilingProblem = "must be a duration from 1ms to 365d, such as 5m, or 'never'";

export const overrideValues = {
  batchSize: whole(1, 5_000),
  concurrency: whole(1, 1_000),
  idleCeilingMs: v.union(
    [
      v.literal('never'),
      v.pipe(
        v.union([v.number(), v.string()]),
        v.transform((input) => parseDuration(input) ?? Number.NaN),
        v.check((value) => value >= 1 && value <= longestCeilingMs, ceilingProblem),
      ),
    ],
    ceilingProblem,
  ),
};

type OverrideName = keyof typeof overrideValues;
export type CheckedOverrides = { readonly [Name in OverrideName]?: TenantOverrides[Name] | null };

const names: NamesOf<OverridesChange> = { batchSize: true, concurrency: true, idleCeilingMs: true };

/** @throws MultiOutboxError INVALID_ARGUMENT, INVALID_TENANT for a value outside its bounds */
export function checkedOverrides(call: string, given: OverridesChange): CheckedOverrides {
  const change = optionsOf(call, given, names);
  const checked: Record<string, unknown> = {};
  for (const name of Object.keys(names) as OverrideName[]) {
    const value = change[name];
    if (value === undefined) continue;
    const result = safeParse(v.nullable(overrideValues[name] as v.GenericSchema), value);
    if (!result.success)
      throw new MultiOutboxError(
        'INVALID_TENANT',
        `${call}: ${name} ${result.issues[0].message}, or null for the fleet's.`,
      );
    checked[name] = result.output;
  }
  if (Object.keys(checked).length > 0) return checked;
  throw new MultiOutboxError(
    'INVALID_ARGUMENT',
    `${call}: the change names no override; give ${Object.keys(names).join(', ')}, or several of them.`,
  );
}

export function withOverrides(overrides: TenantOverrides, change: CheckedOverrides): TenantOverrides {
  return Object.fromEntries(
    Object.entries({ ...overrides, ...change }).filter(([, value]) => value !== null),
  );
}
