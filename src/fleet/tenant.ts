import * as v from 'valibot';
import type { TenantAuth, TenantDefinition, TenantOverrides } from '../engine/registry.ts';
import { MultiOutboxError } from '../errors.ts';
import { parseDuration } from '../settings.ts';

/** A tenant as a user gives it: the id is needed, the rest has defaults. */
export interface TenantInput {
  readonly id: string;
  readonly server?: string;
  /** For embedded databases a file, relative to the registry's folder; `tenants/<id>.db` when absent. */
  readonly database?: string;
  readonly auth?: TenantAuth;
  readonly schema?: string;
  readonly priority?: number;
  readonly weight?: number;
  readonly slaSeconds?: number | null;
  readonly tags?: Readonly<Record<string, string>>;
  readonly overrides?: Omit<TenantOverrides, 'idleCeilingMs'> & { readonly idleCeilingMs?: number | string };
}

const idPattern = /^[a-z0-9][a-z0-9._-]{0,63}$/;
const whole = (min: number, max: number) =>
  v.pipe(
    v.number(),
    v.integer(),
    v.minValue(min, `must be at least ${min}`),
    v.maxValue(max, `must be at most ${max}`),
  );
const line = (max: number) =>
  v.pipe(
    v.string(),
    v.maxLength(max, `must have at most ${max} characters`),
    // biome-ignore lint/suspicious/noControlCharactersInRegex: refusing control characters is the point
    v.regex(/^[^\u0000-\u001f\u007f]*$/, 'must not contain control characters'),
  );

const tenantSchema = v.strictObject({
  id: v.pipe(
    v.string(),
    v.regex(
      idPattern,
      "must be 1 to 64 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit (lower case only)",
    ),
  ),
  server: v.optional(line(256), ''),
  database: v.optional(v.pipe(line(1_000), v.minLength(1, 'must not be empty'))),
  auth: v.optional(
    v.variant('kind', [
      v.strictObject({ kind: v.literal('managed-identity') }),
      v.strictObject({
        kind: v.literal('setting'),
        name: v.pipe(
          v.string(),
          v.regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'must be the name of an app setting'),
        ),
      }),
    ]),
    { kind: 'managed-identity' },
  ),
  schema: v.optional(
    v.pipe(v.string(), v.regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'must be an identifier')),
    'messaging',
  ),
  priority: v.optional(whole(-1_000, 1_000), 0),
  weight: v.optional(v.pipe(v.number(), v.minValue(0.001, 'must be greater than 0'), v.maxValue(1_000)), 1),
  slaSeconds: v.optional(v.nullable(whole(1, 31_536_000)), null),
  tags: v.optional(v.record(v.pipe(line(64), v.minLength(1)), line(256)), {}),
  overrides: v.optional(
    v.strictObject({
      batchSize: v.optional(whole(1, 5_000)),
      concurrency: v.optional(whole(1, 1_000)),
      idleCeilingMs: v.optional(
        v.union([
          v.literal('never'),
          v.pipe(
            v.union([v.number(), v.string()]),
            v.transform((input) => parseDuration(input) ?? Number.NaN),
            v.check((value) => value >= 1, "must be a duration such as 5m, or 'never'"),
          ),
        ]),
      ),
    }),
    {},
  ),
});

/** Checks a tenant and fills in its defaults. @throws MultiOutboxError INVALID_TENANT */
export function tenantDefinition(input: TenantInput): TenantDefinition {
  const result = v.safeParse(tenantSchema, input);
  if (!result.success) {
    const issue = result.issues[0];
    const field = issue.path?.map((item) => String(item.key)).join('.') ?? 'tenant';
    throw new MultiOutboxError(
      'INVALID_TENANT',
      `Tenant ${JSON.stringify(input?.id)}: ${field} ${issue.message}.`,
    );
  }
  const { database, ...rest } = result.output;
  return { ...rest, database: database ?? `tenants/${rest.id}.db` };
}
