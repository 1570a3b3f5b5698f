/** Values that nobody means to pass to a public function, and the places in its arguments where they can stand. */

const throws = (): never => {
  throw new Error('a trap of foreign code');
};

const circle: Record<string, unknown> = {};
circle.self = circle;

class Instance {
  readonly own = 1;
}

/** Each value is made anew, because a call may keep it. */
export const hostileArguments: Readonly<Record<string, () => unknown>> = {
  undefined: () => undefined,
  null: () => null,
  true: () => true,
  NaN: () => Number.NaN,
  Infinity: () => Number.POSITIVE_INFINITY,
  '-0': () => -0,
  '-1': () => -1,
  '1.5': () => 1.5,
  '1n': () => 1n,
  symbol: () => Symbol('hostile'),
  'empty text': () => '',
  'huge text': () => 'x'.repeat(1_000_000),
  'NUL text': () => 'a\0b',
  function: () => () => {},
  'revoked proxy': () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  },
  'throwing proxy': () =>
    new Proxy({ own: 1 }, { get: throws, has: throws, ownKeys: throws, getPrototypeOf: throws }),
  'throwing getter': () => Object.defineProperty({}, 'own', { enumerable: true, get: throws }),
  'throwing conversions': () => ({ toString: throws, valueOf: throws, toJSON: throws }),
  circle: () => circle,
  map: () => new Map([[1, 2]]),
  instance: () => new Instance(),
  'bare object': () => Object.create(null),
  'empty array': () => [],
  // biome-ignore lint/suspicious/noSparseArray: that is what the test is about
  'array with holes': () => [, 1, ,],
  'invalid date': () => new Date(Number.NaN),
  'throwing thenable': () => Object.defineProperty({}, 'then', { get: throws }),
};

/** A place in the arguments, such as '0.filter.topic', and the arguments with another value there. */
export interface Place {
  readonly path: string;
  readonly withValue: (args: readonly unknown[], value: unknown) => unknown[];
}

/** Every argument, and every field and element within objects and lists that are literals. */
export function placesIn(args: readonly unknown[]): Place[] {
  const inside = (value: unknown): string[][] => {
    if (!isLiteral(value)) return [[]];
    return [[], ...Object.keys(value).flatMap((key) => inside(value[key]).map((rest) => [key, ...rest]))];
  };
  return inside([...args])
    .filter((path) => path.length > 0)
    .map((path) => ({
      path: path.join('.'),
      withValue: (given, value) => replaced([...given], path, value) as unknown[],
    }));
}

function isLiteral(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  // A multi-outbox is one argument, whatever it has inside.
  if (Symbol.asyncDispose in value) return false;
  return Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
}

function replaced(into: unknown, [key, ...rest]: readonly string[], value: unknown): unknown {
  if (key === undefined) return value;
  const copy = (Array.isArray(into) ? [...into] : { ...(into as object) }) as Record<string, unknown>;
  copy[key] = replaced(copy[key], rest, value);
  return copy;
}
