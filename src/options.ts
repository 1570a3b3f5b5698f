/** The check of the options that callers give: every public function makes it, so all of them refuse alike. */
import { distance } from 'fastest-levenshtein';
import { type ErrorCode, MultiOutboxError, propertyOf, readable, shownName, shownValue } from './errors.ts';
import { isPlainObject } from './plain-object.ts';

/** The names of all options of a type. The compiler refuses a list that lacks one of them, or has another. */
export type NamesOf<Options> = { readonly [Name in keyof Options]-?: true };

/**
 * The options of a call, which may come from JavaScript.
 * @returns a copy
 * @throws MultiOutboxError when they are not an object of options, cannot be read, or have an unknown name
 */
export function optionsOf<Options extends object>(
  call: string,
  given: Options,
  names: NamesOf<Options>,
  code: ErrorCode = 'INVALID_ARGUMENT',
): Options {
  const options = readable(`${call}: the options`, () => copyOf(objectOf(call, given, code), names), code);
  const unknown = unknownName(options, names, 'an option');
  if (unknown !== undefined) throw new MultiOutboxError(code, `${call}: ${unknown}.`);
  // An AbortSignal or a database handle that stands in the place of the options would be ignored.
  if (!isPlainObject(given) && Object.keys(options).length === 0) {
    throw new MultiOutboxError(
      code,
      `${call}: the options must be an object such as { ${Object.keys(names)[0]} }, got an object of another kind, without options.`,
    );
  }
  return options;
}

/**
 * For a call that has no options: an option that a caller passes in the belief that there is one would be ignored.
 * @param next the argument after the last known one; only an object is refused, because `map` passes an index
 */
export function withoutOptions(call: string, [next]: readonly unknown[]): void {
  if (typeof next !== 'object' || next === null) return;
  throw new MultiOutboxError(
    'INVALID_ARGUMENT',
    `${call} takes no further argument, got ${shownValue(next)}; leave it out.`,
  );
}

/**
 * Reads everything once, so that a proxy or a getter cannot throw later. A class may have its options on its prototype.
 */
export function copyOf<Options extends object>(options: Options, names: NamesOf<Options>): Options {
  const copy: Options = { ...options };
  for (const name in names) if (!(name in copy) && name in options) copy[name] = options[name];
  return copy;
}

/** @throws MultiOutboxError when the value is not an object */
export function objectOf<Given extends object>(
  call: string,
  given: Given,
  code: ErrorCode = 'INVALID_ARGUMENT',
): Given {
  if (typeof given === 'object' && given !== null) return given;
  throw new MultiOutboxError(code, `${call}: the options must be an object, got ${shownValue(given)}.`);
}

/**
 * The signal in the options of a call.
 * @throws INVALID_ARGUMENT when it is not an AbortSignal
 */
export function signalOf<Given extends AbortSignal | undefined>(call: string, given: Given): Given {
  if (given === undefined) return given;
  const isSignal =
    typeof propertyOf(given, 'addEventListener') === 'function' &&
    typeof propertyOf(given, 'aborted') === 'boolean';
  if (isSignal) return given;
  throw new MultiOutboxError(
    'INVALID_ARGUMENT',
    `${call}: 'signal' must be an AbortSignal, got ${shownValue(given)}; pass the signal of an AbortController.`,
  );
}

/**
 * Checks the multi-outbox that a call gets.
 * @throws INVALID_ARGUMENT when it lacks one of the methods
 */
export function checkFace(call: string, face: unknown, methods: readonly string[]): void {
  const missing = methods.find((name) => typeof propertyOf(face, name) !== 'function');
  if (missing === undefined) return;
  throw new MultiOutboxError(
    'INVALID_ARGUMENT',
    `${call}: the first argument must be a multi-outbox, and lacks '${missing}'; pass what createMultiOutbox returned.`,
  );
}

/**
 * A switch in the options of a call. Text such as 'no' would count as true.
 * @throws INVALID_ARGUMENT when it is not a boolean
 */
export function booleanOf(call: string, name: string, given: unknown): void {
  if (given === undefined || typeof given === 'boolean') return;
  throw new MultiOutboxError(
    'INVALID_ARGUMENT',
    `${call}: '${name}' must be true or false, got ${shownValue(given)}.`,
  );
}

/** Whether a value is text of 1 to `most` characters that are not all blank, without control characters. */
export function isOneLine(value: unknown, most: number): boolean {
  if (typeof value !== 'string' || value.trim() === '' || value.length > most) return false;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: refusing control characters is the point
  return value.isWellFormed() && !/[\u0000-\u001f\u007f]/.test(value);
}

/** The most names that an error lists. */
const mostListed = 12;

/**
 * Says which name of an object is unknown, and which known name it resembles. Undefined when all names are known.
 * @param kind what the known names are, such as 'an option'
 */
export function unknownName(
  given: object,
  names: Readonly<Record<string, true>>,
  kind: string,
): string | undefined {
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(names, name));
  if (unknown === undefined) return undefined;
  const known = Object.keys(names);
  const nearest = nearestName(unknown, known);
  const advice =
    nearest !== undefined
      ? `did you mean '${nearest}'?`
      : known.length <= mostListed
        ? `known are ${known.join(', ')}`
        : 'correct its name, or remove it';
  return `'${shownName(unknown)}' is not ${kind} (${advice})`;
}

/** A longer name is no misspelling, and to compare it would take long. */
const longestName = 64;

/** The known name that a misspelt one most likely means: at most a third of its characters differ, whatever their case. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  if (name.length > longestName) return undefined;
  const differences = (other: string) => distance(name.toLowerCase(), other.toLowerCase());
  const nearest = known.reduce<string | undefined>(
    (best, other) => (best === undefined || differences(other) < differences(best) ? other : best),
    undefined,
  );
  if (nearest === undefined) return undefined;
  return differences(nearest) <= Math.max(name.length, nearest.length) / 3 ? nearest : undefined;
}
