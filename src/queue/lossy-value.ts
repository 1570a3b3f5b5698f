import { types } from 'node:util';
import { propertyOf, shownName } from '../errors.ts';
import { isPlainObject } from '../plain-object.ts';

/** A part of a payload, and its place in it. */
interface Part {
  readonly value: object;
  readonly name: string | number;
  readonly parent: Part | undefined;
}

/**
 * Describes the first object in a payload that JSON would not hold: a Map, a Set and an Error become `{}`, and an
 * instance of a class loses its class. An object with a method toJSON says itself what JSON holds of it. The payload must
 * have no cycle outside such objects.
 */
export function lossyValue(payload: object): string | undefined {
  const rest: Part[] = [{ value: payload, name: '', parent: undefined }];
  for (let part = rest.pop(); part !== undefined; part = rest.pop()) {
    const { value } = part;
    if (typeof propertyOf(value, 'toJSON') === 'function') continue;
    const names = Array.isArray(value) ? value.keys() : Object.keys(value);
    if (!isJsonObject(value)) {
      const at = part.parent === undefined ? 'is' : `has at '${shownName(pathOf(part))}'`;
      return `${at} an object of class ${className(value)}, which JSON does not hold; give a plain object or an array`;
    }
    for (const name of names) {
      const member = (value as Record<string | number, unknown>)[name];
      if (typeof member === 'object' && member !== null) rest.push({ value: member, name, parent: part });
    }
  }
  return undefined;
}

function isJsonObject(value: object): boolean {
  // JSON holds `new String('a')` as 'a'.
  const isBoxed = types.isStringObject(value) || types.isNumberObject(value) || types.isBooleanObject(value);
  return isBoxed || Array.isArray(value) || isPlainObject(value);
}

function className(value: object): string {
  const name = propertyOf(propertyOf(Object.getPrototypeOf(value), 'constructor'), 'name');
  return typeof name === 'string' && name !== '' ? shownName(name) : 'unknown';
}

function pathOf({ name, parent }: Part): string {
  return parent?.parent === undefined ? String(name) : `${pathOf(parent)}.${name}`;
}
