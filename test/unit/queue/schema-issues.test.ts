/** Q15, section 8: the reasons for which a schema refuses a payload do not contain the payload. */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import * as v from 'valibot';
import { reasonsOf, textsOf, withoutValues } from '../../../src/queue/schema-issues.ts';

type Issue = StandardSchemaV1.Issue & Record<string, unknown>;

/** The reasons of a schema that has `parts` and refuses with these issues. */
function reasons(issues: readonly object[], { data = {} as unknown, parts = {} as object } = {}): string {
  return reasonsOf(parts, issues as Issue[], data);
}

/** What a sender may put into a payload, and what validators make of it in their messages. */
const values: readonly [string, unknown, string][] = [
  ['a text', 'hunter2', 'received "hunter2"'],
  ['a short text', 'xy', 'xy is not a PIN'],
  ['a text in upper case', 'hunter2', 'HUNTER2 is not a PIN'],
  ['a number', 4711, '4,711 is too large'],
  ['a boolean', true, 'must be false, was true'],
  ['null', null, 'null is not a PIN'],
  ['a part of a text', 'hunter2@example.com', 'the name hunter2 is reserved'],
  ['a text from behind', 'abc', 'cba is not a PIN'],
];

test.each(values)('Q15: %s does not get out through the text of an issue', (_, pin, message) => {
  expect(reasons([{ message, path: ['pin'] }], { data: { pin }, parts: { shape: { pin: {} } } })).toBe(
    'pin: is invalid',
  );
  const fields = Object.fromEntries(
    ['code', 'type', 'kind', 'expected', 'format', 'received', 'input'].map((name) => [name, message]),
  );
  expect(reasons([{ message, ...fields }], { data: { pin } })).toBe('is invalid');
});

test('Q15: of a path, names of the schema and indexes get out, names of the sender do not', () => {
  const parts = { shape: { orders: { name: {} } } };
  const data = { orders: [{ name: 1 }], alice: { name: 2, 7: 1 } };
  const of = (...path: StandardSchemaV1.Issue['path'] & {}) =>
    reasons([{ message: '', path }], { data, parts });
  expect(of('orders', 0, { key: 'name' })).toBe('orders.0.name: is invalid');
  expect(of('alice', 'name')).toBe('*.name: is invalid');
  expect(of('alice', 7)).toBe('*.*: is invalid');
  expect(of('orders', '0')).toBe('orders.*: is invalid');
  expect(of('orders', 0.5)).toBe('orders.*: is invalid');
  expect(of(Symbol('alice'))).toBe('*: is invalid');
  expect(of()).toBe('is invalid');
});

test('section 7: texts of the schema get out: its messages, what it expects, and codes', () => {
  const parts = { entries: { a: { expects: 'Date', message: 'must be a day' } }, type: 'min_length' };
  const of = (issue: object) => reasons([{ message: 'received 2', ...issue }], { parts });
  expect(of({ message: 'must be a day' })).toBe('must be a day');
  expect(of({ expected: 'Date' })).toBe('expected Date');
  expect(of({ expected: 'Date', type: 'min_length' })).toBe('expected Date (min_length)');
  expect(of({ code: 'too_small', format: 'Date' })).toBe('expected Date (too_small)');
  expect(of({ code: 'too_small' })).toBe('is invalid (too_small)');
});

test('section 7: the reasons of a real validator', () => {
  const schema = v.strictObject({
    email: v.pipe(v.string(), v.email()),
    count: v.number(),
    list: v.array(v.pipe(v.number('must be a price'), v.minValue(5))),
    people: v.record(v.string(), v.object({ age: v.number() })),
    tier: v.picklist(['gold', 'silver']),
  });
  const data = { email: 'a@b', count: 'xyz', list: ['q', 1], people: { alice: { age: true } }, tier: 'zinc' };
  const texts = (given: object) => reasonsOf(schema, v.safeParse(schema, given).issues as never, given);
  expect(texts(data)).toBe(
    'email: is invalid (email); count: expected number; list.0: must be a price; list.1: expected >=5 (min_value); people.*.age: expected number',
  );
  expect(texts({ ...data, email: 'a@b.example', count: 1, list: [], people: {}, bob: 1 })).toBe(
    'tier: expected ("gold" | "silver") (picklist); *: is invalid (strict_object)',
  );
});

test('Q15: a schema that keeps what it has seen does not make it its own', () => {
  const schema = { last: '', '~standard': {} };
  textsOf(schema);
  schema.last = 'hunter2';
  expect(reasonsOf(schema, [{ message: 'hunter2' }], 'hunter2')).toBe('is invalid');
});

test('Q15: of the built-in handlers the texts get out, because they never have a value', () => {
  const schema = withoutValues(v.object({ a: v.number('must be a number') }));
  expect(reasonsOf(schema, [{ message: 'anything', path: ['a'] }], {})).toBe('a: anything');
});

test('reasons are few and short, whatever the validator and its schema are like', () => {
  const loop: Record<string, unknown> = { text: 'x'.repeat(1_000) };
  loop.self = loop;
  loop.proxy = new Proxy(
    {},
    {
      ownKeys: () => {
        throw new Error('read');
      },
    },
  );
  Object.defineProperty(loop, 'shape', {
    enumerable: true,
    get: () => {
      throw new Error('read');
    },
  });
  Object.defineProperty(loop, 'lazy', {
    enumerable: true,
    get: () => {
      throw new Error('read');
    },
  });
  const many = Array.from({ length: 50 }, () => ({ message: loop.text, path: Array(50).fill('self') }));
  const text = reasons(many, { parts: loop });
  expect(text.split('; ')).toHaveLength(5);
  expect(text.length).toBeLessThan(1_600);
  const hostile = {
    get message() {
      throw new Error('read');
    },
  };
  expect(reasons([hostile, { message: undefined }])).toBe('is invalid; is invalid');
  let chain: object = {};
  for (let depth = 0; depth < 100_000; depth++) chain = { chain };
  expect(textsOf(chain).size).toBe(1);
});
