/** The JSON Schema of the commands' `--json` output, and the tables of docs/cli-json.md. */
import { type JsonSchema, toJsonSchema, toJsonSchemaDefs } from '@valibot/to-json-schema';
import type { GenericSchema } from 'valibot';
import { type CommandOutput, commandOutputs, errorLine } from './commands.ts';
import { forms } from './forms.ts';
import { dispatchRequest, runReport } from './runs.ts';

const target = { target: 'draft-2020-12', typeMode: 'output' } as const;

/** The forms that have a name in the schema. */
const definitions = { ...forms, DispatchRequest: dispatchRequest, RunReport: runReport };

function jsonSchema(schema: GenericSchema): JsonSchema {
  const { $schema, $defs, ...rest } = toJsonSchema(schema, { ...target, definitions });
  return open(rest);
}

const named: Readonly<Record<string, JsonSchema>> = Object.fromEntries(
  Object.entries(toJsonSchemaDefs(definitions, target)).map(([name, schema]) => [name, open(schema)]),
);

/** A later release may add fields, so the published schema allows more than the commands print now. */
function open(schema: JsonSchema): JsonSchema {
  return JSON.parse(JSON.stringify(schema), (key, value) =>
    key === 'additionalProperties' && value === false ? undefined : value,
  );
}

/** The name of a command's output in `$defs`: `tenants-add`. */
const nameOf = (command: string) => command.replaceAll(' ', '-');

export const cliSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: "Output of multi-outbox's commands with --json",
  description:
    'Each line of standard output is one value. Its form has the name of the command, with hyphens for blanks.',
  $defs: {
    ...Object.fromEntries(
      Object.entries(commandOutputs).map(([command, { schema }]) => [nameOf(command), jsonSchema(schema)]),
    ),
    error: jsonSchema(errorLine.schema),
    ...named,
  },
};

/** The tables: a section for each command, then the forms with a name. */
export function cliJsonText(): string {
  return [
    ...Object.entries(commandOutputs).map(([command, output]) => section(`\`${command}\``, output)),
    section('Errors', errorLine),
    ...Object.entries(named).map(([name, schema]) => ['', `## ${name}`, '', ...table(schema)].join('\n')),
  ].join('\n');
}

function section(title: string, { schema, note }: CommandOutput): string {
  return [
    '',
    `## ${title}`,
    ...(note === undefined ? [] : ['', note]),
    '',
    ...table(jsonSchema(schema)),
  ].join('\n');
}

function table(schema: JsonSchema): string[] {
  const options = (schema.anyOf ?? schema.oneOf) as JsonSchema[] | undefined;
  if (options !== undefined)
    return options.flatMap((option, index) => [...(index > 0 ? [''] : []), ...table(option)]);
  if (schema.$ref !== undefined) return [`As ${typeText(schema)}.`];
  return ['| Field | Type |', '| --- | --- |', ...rows('', schema)];
}

/** One row for each field; those of an object or of a list's items follow it, with its path. */
function rows(path: string, schema: JsonSchema): string[] {
  const required = new Set(schema.required);
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    if (typeof field === 'boolean') return [];
    const own = path === '' ? name : `${path}.${name}`;
    const { items, inner } = insideOf(field);
    const optional = required.has(name) ? '' : ', optional';
    return [
      `| \`${own}\` | ${typeText(field)}${optional} |`,
      ...(inner === undefined ? [] : rows(`${own}${items ? '[]' : ''}`, inner)),
    ];
  });
}

/** The object in a field, in its items, or beside its null. */
function insideOf(field: JsonSchema): { items: boolean; inner: JsonSchema | undefined } {
  const [only, ...others] = withoutNull(field);
  if (only === undefined || others.length > 0) return { items: false, inner: undefined };
  if (only.items !== undefined && typeof only.items === 'object' && !Array.isArray(only.items))
    return { items: true, inner: insideOf(only.items).inner };
  return { items: false, inner: only.properties === undefined ? undefined : only };
}

function withoutNull({ anyOf, oneOf, ...schema }: JsonSchema): JsonSchema[] {
  const options = (anyOf ?? oneOf ?? [schema]) as JsonSchema[];
  return options.filter(({ type }) => type !== 'null');
}

function typeText(schema: JsonSchema): string {
  const options = (schema.anyOf ?? schema.oneOf) as JsonSchema[] | undefined;
  if (options !== undefined) return options.map(typeText).join(' or ');
  if (schema.$ref !== undefined) {
    const name = schema.$ref.replace('#/$defs/', '');
    return `[${name}](#${name.toLowerCase()})`;
  }
  const values = schema.enum ?? (schema.const === undefined ? undefined : [schema.const]);
  if (values !== undefined) return values.map((value) => `\`${value}\``).join(', ');
  if (schema.type === 'array') return `list of ${typeText(schema.items as JsonSchema)}`;
  if (schema.type === 'object' && typeof schema.additionalProperties === 'object')
    return 'object of names and texts';
  if (schema.format === 'date-time') return 'time, UTC';
  if (schema.format === 'uuid') return 'UUID';
  return typeof schema.type === 'string' ? schema.type : 'any';
}
