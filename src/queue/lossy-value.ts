import { types } from 'node:util';
import { propertyOf, shownName } from '../errors.ts';
import { isPlainObject } from '../plain-object.ts';

/** A part of a payload, and its place in it. */
interface Part {
  readonly value: unknown;
  readonly name: string | number;
  readonly parent: Part | undefined;
}

/**
 * Describes the first value in a payload that JSON would not hold. A Map, a Set and an Error become `{}`, and an instance
 * of a class loses its class; NaN, Infinity, an invalid date, and undefined in a list become null; a function and a symbol
 * are left out. An object with a method toJSON says itself what JSON holds of it. A field that is undefined is absent, as
 * in JSON, and -0 is the number 0. The payload must have no cycle outside such objects.
 */
export function lossyValue(payload: unknown): string | undefined {
  const rest: Part[] = [{ value: payload, name: '', parent: undefined }];
  for (let part = rest.pop(); part !== undefined; part = rest.pop()) {
    const { value } = part;
    const problem = problemOf(value);
    if (problem !== undefined) {
      const at = part.parent === undefined ? 'is' : `has at '${shownName(pathOf(part))}'`;
      return `${at} ${problem}`;
    }
    if (typeof value !== 'object' || value === null || typeof propertyOf(value, 'toJSON') === 'function')
      continue;
    const isArray = Array.isArray(value);
    for (const name of isArray ? value.keys() : Object.keys(value)) {
      const member = (value as Record<string | number, unknown>)[name];
      if (isArray ? isSafeItem(member) : isSafeField(member)) continue;
      rest.push({ value: member, name, parent: part });
    }
  }
  return undefined;
}

/** Most values are texts and numbers, so they are not put into the list. */
function isSafeItem(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value) || value === null;
}

function isSafeField(value: unknown): boolean {
  return value === undefined || isSafeItem(value);
}

function problemOf(value: unknown): string | undefined {
  if (typeof value === 'number' && !Number.isFinite(value))
    return `the number ${value}, which JSON does not hold; give null or text`;
  if (value === undefined)
    return 'an item that is undefined, which JSON does not hold; give null, or leave it out';
  if (typeof value === 'function' || typeof value === 'symbol')
    return `a ${typeof value}, which JSON does not hold; leave it out`;
  if (typeof value !== 'object' || value === null) return undefined;
  if (types.isDate(value) && Number.isNaN(value.getTime()))
    return 'an invalid date, which JSON does not hold; correct it, or give null';
  if (types.isNumberObject(value) && !Number.isFinite(value.valueOf()))
    return `the number ${value.valueOf()}, which JSON does not hold; give null or text`;
  if (typeof propertyOf(value, 'toJSON') === 'function' || isJsonObject(value)) return undefined;
  return `an object of class ${className(value)}, which JSON does not hold; give a plain object or an array`;
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
