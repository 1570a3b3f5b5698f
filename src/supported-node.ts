/** The versions of Node that this package supports. `engines` in package.json is the only place that lists them. */
import packageJson from '../package.json' with { type: 'json' };

const range = packageJson.engines.node;

/**
 * The error message, in one line, for an unsupported version of Node; undefined when `engines` allows the version.
 * @param version such as '22.18.0'
 */
export function unsupportedNode(version: string = process.versions.node): string | undefined {
  if (isInRange(version, range)) return undefined;
  return `multi-outbox needs Node ${lowest(range)} or newer (${range}), but this is Node v${version}; install a newer Node and try again.`;
}

/** Understands the forms that `engines` uses: '^22.18.0' (22.18.0 or newer, but below 23), '>=24.5.0', and '||' between. */
function isInRange(version: string, range: string): boolean {
  const is = numbers(version);
  return range.split('||').some((alternative) => {
    const from = numbers(alternative);
    return compare(is, from) >= 0 && (!alternative.includes('^') || is[0] === from[0]);
  });
}

function lowest(range: string): string {
  return range.split('||').map(numbers).sort(compare)[0]!.join('.');
}

/** Major, minor and patch of the first version in a text. */
function numbers(text: string): number[] {
  return (/\d+\.\d+\.\d+/.exec(text)?.[0] ?? '0.0.0').split('.').map(Number);
}

function compare(one: number[], other: number[]): number {
  const difference = one.findIndex((number, index) => number !== other[index]);
  return difference === -1 ? 0 : one[difference]! - other[difference]!;
}
