/** The fields of a tenant on the command line: options of `tenants add` and `change`, columns of `tenants import`. */
import type { Command } from 'commander';
import type { TenantInput } from '../fleet/tenants/definition.ts';
import { durationOrNever, numberArgument, pairArgument, secondsArgument, wholeNumber } from './arguments.ts';

export interface TenantField {
  /** The name of the option and of the CSV column. */
  readonly name: string;
  readonly value: string;
  readonly description: string;
  /** @throws InvalidArgumentError */
  readonly parse: (text: string) => unknown;
  /** The path of the field in a `TenantInput`. */
  readonly place: readonly [keyof TenantInput] | readonly ['overrides', string];
  /** The help text of `--no-NAME`; present if the field can be removed. */
  readonly without?: string;
}

const asGiven = (text: string) => text;

export const tenantFields: readonly TenantField[] = [
  {
    name: 'database',
    value: '<name>',
    description:
      "name of the database (default: the id); embedded: a file relative to the registry's folder (default: tenants/<id>.db)",
    parse: asGiven,
    place: ['database'],
  },
  {
    name: 'server',
    value: '<name>',
    description: 'server of the database; not for embedded databases',
    parse: asGiven,
    place: ['server'],
  },
  {
    name: 'auth-setting',
    value: '<name>',
    description: 'name of the app setting that holds the connection string',
    parse: (name) => ({ kind: 'setting', name }),
    place: ['auth'],
    without: 'log in to the database with the managed identity',
  },
  {
    name: 'schema',
    value: '<name>',
    description: 'database schema of the tables and procedures (default: messaging)',
    parse: asGiven,
    place: ['schema'],
  },
  {
    name: 'priority',
    value: '<number>',
    description: 'with the strategy priority, the higher one is served first; -1000 to 1000 (default: 0)',
    parse: wholeNumber(-1_000, 1_000),
    place: ['priority'],
  },
  {
    name: 'weight',
    value: '<number>',
    description:
      'with the strategy weighted, the share relative to other tenants; 0.001 to 1000 (default: 1)',
    parse: numberArgument,
    place: ['weight'],
  },
  {
    name: 'sla',
    value: '<duration>',
    description:
      'with the strategy deadline, the time within which due messages should start: 30s, 5m, or a number of seconds',
    parse: secondsArgument(31_536_000),
    place: ['slaSeconds'],
    without: 'remove the SLA',
  },
  {
    name: 'batch-size',
    value: '<number>',
    description: 'claim this many messages at once, up to 5000 (default: MULTI_OUTBOX_BATCH_SIZE)',
    parse: wholeNumber(1, 5_000),
    place: ['overrides', 'batchSize'],
    without: "use the fleet's batch size",
  },
  {
    name: 'concurrency',
    value: '<number>',
    description: 'run this many handlers at once, up to 1000 (default: MULTI_OUTBOX_CONCURRENCY)',
    parse: wholeNumber(1, 1_000),
    place: ['overrides', 'concurrency'],
    without: "use the fleet's concurrency",
  },
  {
    name: 'idle-ceiling',
    value: '<duration>',
    description:
      "look at an idle tenant at least this often, or 'never' (default: MULTI_OUTBOX_IDLE_CEILING)",
    parse: durationOrNever,
    place: ['overrides', 'idleCeilingMs'],
    without: "use the fleet's idle ceiling",
  },
];

/** Values of fields; undefined removes a field. */
export type FieldValues = ReadonlyMap<TenantField, unknown>;

/** Adds an option for each field, and `--tag`, to a command. */
export function addFieldOptions(command: Command, { removable = false } = {}): Command {
  for (const { name, value, description, parse, without } of tenantFields) {
    command.option(`--${name} ${value}`, description, parse);
    if (removable && without !== undefined) command.option(`--no-${name}`, without);
  }
  return command.option('--tag <key=value>', 'a tag that handlers see; repeatable', pairArgument);
}

/** The field values among a command's options. */
export function fieldValues(options: Readonly<Record<string, unknown>>): FieldValues {
  const values = new Map<TenantField, unknown>();
  for (const field of tenantFields) {
    const value = options[field.name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())];
    if (value !== undefined) values.set(field, value === false ? undefined : value);
  }
  return values;
}

/** The tenant with some fields changed. This does not check the result; the library does. */
export function tenantWith(
  tenant: TenantInput,
  values: FieldValues,
  tags: Readonly<Record<string, string>> = {},
): TenantInput {
  const overrides: Record<string, unknown> = { ...tenant.overrides };
  const changed: Record<string, unknown> = { ...tenant, tags: { ...tenant.tags, ...tags }, overrides };
  for (const [{ place }, value] of values) {
    const target = place.length === 2 ? overrides : changed;
    const key = place.at(-1)!;
    if (value === undefined) delete target[key];
    else target[key] = value;
  }
  return changed as unknown as TenantInput;
}
