/**
 * What is kept of a validator's reasons. Errors are stored, logged and shown, and payloads are not, so a reason may say
 * only what the schema itself says: a name, a number or a text gets out if it was in the schema before the payload came.
 * To look for the payload in a validator's message and strike it out would miss values that the validator has changed.
 */
import { types } from 'node:util';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { propertyOf, shownName } from '../errors.ts';

/** The most objects of a schema that are read. Schemas of arktype refer to its whole library; others have some hundred. */
const mostObjects = 5_000;
/** The most reasons and characters that are kept. */
const mostIssues = 5;
const longestText = 200;

/** Names of fields under which libraries compute a part of a schema when it is first read. Other getters are not called. */
const computed: ReadonlySet<PropertyKey> = new Set(['shape', 'entries', 'properties']);

/** The codes of zod, which its schemas do not contain. */
const codes: ReadonlySet<unknown> = new Set([
  'invalid_type',
  'too_big',
  'too_small',
  'invalid_format',
  'not_multiple_of',
  'unrecognized_keys',
  'invalid_union',
  'invalid_key',
  'invalid_element',
  'invalid_value',
  'custom',
]);

/** Of an array's element, whose index is not the sender's text, and of a name that the schema does not have. */
const unknownKey = '*';

/** Schemas whose messages never contain a value. */
const trusted = new WeakSet<object>();
const textsOfSchemas = new WeakMap<object, ReadonlySet<unknown>>();

/** Marks a schema whose messages never contain a value: they are kept as they are. */
export function withoutValues<Schema extends StandardSchemaV1>(schema: Schema): Schema {
  trusted.add(schema);
  return schema;
}

/**
 * The names and texts of a schema: the keys and the texts of its object, and of the objects that it refers to. Call it
 * before the schema sees a payload, since a schema may keep what it has seen.
 */
export function textsOf(schema: object): ReadonlySet<unknown> {
  const known = textsOfSchemas.get(schema) ?? readTexts(schema);
  textsOfSchemas.set(schema, known);
  return known;
}

function readTexts(schema: object): Set<unknown> {
  const texts = new Set<unknown>();
  const found = new Set<object>([schema]);
  for (const object of found) {
    if (found.size > mostObjects) break;
    // Reading a proxy calls foreign code.
    if (types.isProxy(object)) continue;
    for (const [key, { value, get }] of Object.entries(Object.getOwnPropertyDescriptors(object))) {
      texts.add(key);
      const part = get !== undefined && computed.has(key) ? propertyOf(object, key) : value;
      if (typeof part === 'string') texts.add(part);
      else if (typeof part === 'function' || (typeof part === 'object' && part !== null)) found.add(part);
    }
  }
  return texts;
}

/** The reasons for which a schema refused a payload, on one line. */
export function reasonsOf(schema: object, issues: readonly StandardSchemaV1.Issue[], data: unknown): string {
  const texts = textsOf(schema);
  const reasons = issues.slice(0, mostIssues).map((issue) => {
    const at = shownName(pathOf(issue.path ?? [], texts, data));
    const text = shownName(trusted.has(schema) ? issue.message : problemOf(issue, texts), longestText);
    return at === '' ? text : `${at}: ${text}`;
  });
  return reasons.join('; ');
}

function pathOf(
  path: NonNullable<StandardSchemaV1.Issue['path']>,
  texts: ReadonlySet<unknown>,
  data: unknown,
): string {
  let level = data;
  const names = path.map((part) => {
    const key = typeof part === 'object' ? part.key : part;
    const isIndex = Array.isArray(level) && typeof key === 'number' && Number.isSafeInteger(key);
    level = propertyOf(level, key as string);
    return isIndex || texts.has(key) ? String(key) : unknownKey;
  });
  return names.join('.');
}

/** The fields are those of zod, valibot and arktype: no standard names them. */
function problemOf(issue: StandardSchemaV1.Issue, texts: ReadonlySet<unknown>): string {
  const known = (name: string) => {
    const value = propertyOf(issue, name);
    return typeof value === 'string' && (texts.has(value) || codes.has(value)) ? value : undefined;
  };
  const message = known('message');
  if (message !== undefined) return message;
  const expected = known('expected') ?? known('format');
  const code = known('code') ?? known('type');
  const problem = expected === undefined ? 'is invalid' : `expected ${expected}`;
  return code === undefined || code === expected ? problem : `${problem} (${code})`;
}
