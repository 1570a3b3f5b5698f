import * as v from 'valibot';
import type { TenantAuth, TenantDefinition, TenantOverrides, TenantRecord } from '../../engine/registry.ts';
import { MultiOutboxError, propertyOf, shownName } from '../../errors.ts';
import { nearestName } from '../../options.ts';
import { hasFields } from '../../plain-object.ts';
import { namedValues } from '../../queue/named-values.ts';
import { safeParse } from '../../safe-parse.ts';
import { overrideValues, whole } from './overrides.ts';
import { assertReadable } from './tenant-errors.ts';
import { tenantIdPattern } from './tenant-id.ts';

/** A tenant's definition as a user writes it: the id is required, the rest has defaults. */
export interface TenantInput {
  /** 1 to 64 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit. */
  readonly id: string;
  /** The SQL Server: `name`, `name,port` or `name\instance`. Default: that of the app setting, or none for a file. */
  readonly server?: string;
  /**
   * Default: the id; for embedded databases the file `tenants/<id>.db`, relative to the registry's folder. A tenant
   * with a server or an app setting is not embedded.
   */
  readonly database?: string;
  /** Default: the managed identity. */
  readonly auth?: TenantAuth;
  /** The database schema of the tables and procedures. Default: `messaging`. */
  readonly schema?: string;
  /** -1,000 to 1,000; the strategy `priority` chooses the higher one first. Default: 0. */
  readonly priority?: number;
  /** 0.001 to 1,000: the share that the strategy `weighted` gives, relative to other tenants. Default: 1. */
  readonly weight?: number;
  /** Whole seconds, to a year, within which due messages should start: for the strategy `deadline`. Default: null, no promise. */
  readonly slaSeconds?: number | null;
  /** Handlers see them. A name has 1 to 64 characters, a value at most 256, each on one line. Default: none. */
  readonly tags?: Readonly<Record<string, string>>;
  /** Values in place of the fleet's. `idleCeilingMs`: milliseconds, text such as '5m', or 'never'. Default: none. */
  readonly overrides?: Omit<TenantOverrides, 'idleCeilingMs'> & { readonly idleCeilingMs?: number | string };
}

// As in ./overrides.ts, every check has a message of its own.
const identifier = (problem: string) =>
  v.pipe(v.string(problem), v.regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, problem));
const fields = (issue: { readonly expected: string | null }) => {
  if (issue.expected === 'never') return 'is not a field of a tenant; correct its name or remove it';
  return issue.expected === 'Object' ? 'must be an object' : 'is missing';
};
const singleLine = (max: number) =>
  v.pipe(
    v.string('must be text'),
    v.maxLength(max, `must have at most ${max} characters`),
    // biome-ignore lint/suspicious/noControlCharactersInRegex: refusing control characters is the point
    v.regex(/^[^\u0000-\u001f\u007f]*$/, 'must not contain control characters'),
  );

const idProblem =
  "must be 1 to 64 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit (lower case only)";
/** Names of devices: Windows cannot create a file or a folder of such a name, whatever its extension. */
const isFileName = (id: string) => !/^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/.test(id);
const reservedProblem = 'must not be the name of a device on Windows, such as con, nul or com1';
const weightProblem = 'must be a number from 0.001 to 1000';

const tenantSchema = v.strictObject(
  {
    id: v.pipe(
      v.string(idProblem),
      v.regex(tenantIdPattern, idProblem),
      v.check(isFileName, reservedProblem),
    ),
    server: v.optional(singleLine(256), ''),
    database: v.optional(v.pipe(singleLine(1_000), v.minLength(1, 'must not be empty'))),
    auth: v.optional(
      v.variant(
        'kind',
        [
          v.strictObject({ kind: v.literal('managed-identity') }, fields),
          v.strictObject(
            { kind: v.literal('setting'), name: identifier('must be the name of an app setting') },
            fields,
          ),
        ],
        "must be {kind: 'managed-identity'} or {kind: 'setting', name}",
      ),
      { kind: 'managed-identity' },
    ),
    schema: v.optional(identifier('must be an identifier: letters, digits and _'), 'messaging'),
    priority: v.optional(whole(-1_000, 1_000), 0),
    weight: v.optional(
      v.pipe(v.number(weightProblem), v.minValue(0.001, weightProblem), v.maxValue(1_000, weightProblem)),
      1,
    ),
    slaSeconds: v.optional(v.nullable(whole(1, 31_536_000)), null),
    tags: v.optional(
      namedValues(
        v.pipe(singleLine(64), v.minLength(1, 'must have a name')),
        singleLine(256),
        'must be an object',
      ),
      {},
    ),
    overrides: v.optional(
      v.strictObject(
        {
          batchSize: v.optional(overrideValues.batchSize),
          concurrency: v.optional(overrideValues.concurrency),
          idleCeilingMs: v.optional(overrideValues.idleCeilingMs),
        },
        fields,
      ),
      {},
    ),
  },
  fields,
);

const fieldNames = [
  ...Object.keys(tenantSchema.entries),
  ...Object.keys(tenantSchema.entries.overrides.wrapped.entries),
];

/** Checks a tenant and fills in its defaults. @throws MultiOutboxError INVALID_TENANT */
export function tenantDefinition(input: TenantInput, { embedded = true } = {}): TenantDefinition {
  const result = safeParse(tenantSchema, input);
  if (!result.success) {
    const issue = result.issues[0];
    const field = issue.path?.map((item) => shownName(String(item.key))).join('.') ?? 'the definition';
    const id = propertyOf(input, 'id');
    const name = typeof id === 'string' ? `Tenant '${shownName(id)}'` : 'The tenant';
    const nearest =
      issue.expected === 'never' ? nearestName(field.split('.').at(-1)!, fieldNames) : undefined;
    const advice = nearest === undefined ? '' : ` (did you mean '${nearest}'?)`;
    throw new MultiOutboxError(
      'INVALID_TENANT',
      `${name} cannot be registered: ${field} ${issue.message}${advice}.`,
    );
  }
  const overrides = propertyOf(input, 'overrides');
  if (overrides !== undefined && !hasFields(overrides))
    throw new MultiOutboxError(
      'INVALID_TENANT',
      `Tenant '${result.output.id}' cannot be registered: overrides must be a plain object of settings.`,
    );
  const { database, ...rest } = result.output;
  const isFile = embedded && !isOnServer(rest);
  return { ...rest, database: database ?? (isFile ? `tenants/${rest.id}.db` : rest.id) };
}

/** An embedded database has neither a server nor a login. */
export function isOnServer({ server, auth }: Pick<TenantDefinition, 'server' | 'auth'>): boolean {
  return server !== '' || auth.kind === 'setting';
}

/** The definition of a registered tenant. @throws INVALID_TENANT when it cannot be read: the record has other values */
export function definitionOf(tenant: TenantRecord): TenantDefinition {
  assertReadable(tenant);
  const { id, server, database, auth, schema, priority, weight, slaSeconds, tags, overrides } = tenant;
  return { id, server, database, auth, schema, priority, weight, slaSeconds, tags, overrides };
}
