import * as v from 'valibot';
import { hasFields } from '../plain-object.ts';

/** valibot's `record` drops these names without an issue, so that they cannot change an object's prototype. */
const dropped = ['__proto__', 'constructor', 'prototype'] as const;

/** As valibot's `record`, but refuses the names that `record` drops. */
export function namedValues<
  const Name extends v.GenericSchema<string, string>,
  const Value extends v.GenericSchema,
>(name: Name, value: Value, message: string) {
  return v.pipe(
    v.custom<Record<string, unknown>>(
      (input) => dropped.every((one) => !isObject(input) || !Object.hasOwn(input, one)),
      `must not have a name that is ${dropped.join(', ').replace(/, ([^,]*)$/, ' or $1')}`,
    ),
    v.custom<Record<string, unknown>>((input) => !isObject(input) || hasFields(input), message),
    v.record(name, value, message),
  );
}

function isObject(input: unknown): input is object {
  return typeof input === 'object' && input !== null;
}
