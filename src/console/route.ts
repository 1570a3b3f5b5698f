/** A row of the console's route table. The guard, the tests and the documents are derived from the table. */
import * as v from 'valibot';
import type { MultiOutbox } from '../multi-outbox-interface.ts';
import type { SettingInForce } from '../settings/in-force.ts';
import { type Answer, Refusal } from './answer.ts';
import { pathParameters } from './parameters.ts';
import type { Operator, Right } from './rights.ts';
import type { Snapshots } from './snapshots.ts';

/** What a handler works with. */
export interface RouteContext {
  readonly multiOutbox: MultiOutbox;
  readonly snapshots: Snapshots;
  readonly operator: Operator;
  /** The settings in force, for people to read; secrets are masked. */
  settings(): readonly SettingInForce[];
  /** Fires when this host stops: what goes on after a response then pauses. */
  readonly stopping: AbortSignal;
  /** Logs an error of work that goes on after the response. */
  log(what: string, error: unknown): void;
  /** Whether the operator has a right. */
  may(right: Right): Promise<boolean>;
  /**
   * Asks for the route's rights for each of these tenants, which the request names elsewhere than in its path.
   * @param route the name that `authorize` gets; default: this route's
   * @throws Refusal
   */
  allowed(tenantIds: readonly string[], route?: string): Promise<void>;
}

export type ParameterSchema = v.StrictObjectSchema<v.ObjectEntries, undefined>;

export interface Route {
  /** Two words, such as `tenants.list`. */
  readonly name: string;
  readonly method: 'GET' | 'POST';
  /** Segments behind the base path; `:tenant` and the like stand for one segment. */
  readonly path: string;
  /** All of them are asked for; the first one is the right that is asked for where the request has no tenant. */
  readonly rights: readonly [Right, ...Right[]];
  /** `page`: the document. `asset`: its script, style and icon. `api`: data and acts. */
  readonly kind: 'page' | 'asset' | 'api';
  /** What a handler reads or changes; `tenant` connects to that tenant's database, and so wakes one that is paused. */
  readonly touches: 'nothing' | 'registry' | 'tenant';
  /** Of the query of a GET, or of the JSON object of a POST. */
  readonly parameters: ParameterSchema;
  /** The most bytes of the JSON of a POST. Default: 4 MiB. */
  readonly largestBody?: number;
  /** The tenants that the parameters name; the operator needs the rights for each. */
  tenants?(parameters: Record<string, unknown>): readonly string[];
  handle(context: RouteContext, parameters: Record<string, unknown>): Promise<Answer> | Answer;
}

const none = v.strictObject({});
type NoEntries = (typeof none)['entries'];

/** The names in a path, such as `tenant` in `/api/tenants/:tenant`. */
type NamesIn<Path extends string> = Path extends `${string}:${infer Name}/${infer Rest}`
  ? Name | NamesIn<Rest>
  : Path extends `${string}:${infer Name}`
    ? Name
    : never;

type Handled<Path extends string, Entries extends v.ObjectEntries> = {
  readonly [Name in NamesIn<Path>]: string;
} & v.InferOutput<v.StrictObjectSchema<Entries, undefined>>;

/** Makes a row; its handler gets the path's names and the parameters, checked. */
export function route<const Path extends string, Entries extends v.ObjectEntries = NoEntries>(
  row: Omit<Route, 'parameters' | 'handle' | 'path' | 'kind' | 'tenants'> & {
    readonly path: Path;
    readonly kind?: Route['kind'];
    readonly parameters?: v.StrictObjectSchema<Entries, undefined>;
    tenants?(parameters: Handled<Path, Entries>): readonly string[];
    handle(context: RouteContext, parameters: Handled<Path, Entries>): Promise<Answer> | Answer;
  },
): Route {
  return { kind: 'api', parameters: none, ...row } as unknown as Route;
}

/** The segments of a path, decoded; null when they cannot be. */
function segmentsOf(path: string): string[] | null {
  try {
    return path.split('/').map(decodeURIComponent);
  } catch {
    return null;
  }
}

export interface Match {
  readonly route: Route;
  /** The values of the path's names, not yet checked. */
  readonly named: Readonly<Record<string, string>>;
}

/** Finds the rows whose path matches, whatever their methods. */
export function matches(routes: readonly Route[], path: string): Match[] {
  const segments = segmentsOf(path);
  if (segments === null) return [];
  return routes.flatMap((row) => {
    const pattern = row.path.split('/');
    if (pattern.length !== segments.length) return [];
    const named: Record<string, string> = {};
    for (const [index, part] of pattern.entries()) {
      if (part.startsWith(':')) named[part.slice(1)] = segments[index]!;
      else if (part !== segments[index]) return [];
    }
    return [{ route: row, named }];
  });
}

/** @throws Refusal with status 400; it names the parameter and not its value */
export function checkedParameters(
  { route: row, named }: Match,
  given: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  // The document is the same whatever the query: only the script in it reads the address.
  if (row.kind === 'page') return {};
  const inPath = Object.fromEntries(Object.keys(named).map((name) => [name, pathParameters[name]!]));
  // The path decides about the tenant: a parameter of the same name is unknown.
  return { ...parsed(v.strictObject(inPath), named), ...parsed(row.parameters, given) };
}

function parsed(schema: ParameterSchema, given: unknown): Record<string, unknown> {
  const result = v.safeParse(schema, given);
  if (result.success) return result.output;
  const [issue] = result.issues;
  // A name within it is the caller's.
  const name = String(issue.path?.[0]?.key ?? '');
  const known = Object.hasOwn(schema.entries, name);
  throw new Refusal(
    400,
    'INVALID_ARGUMENT',
    known
      ? `The parameter '${name}' is missing, too long or not one of the values that are allowed.`
      : 'The request has a parameter that this address does not take.',
  );
}
