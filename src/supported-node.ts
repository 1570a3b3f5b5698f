/** Which Node this package runs on: `engines` in package.json says so, and nothing else does. */
import packageJson from '../package.json' with { type: 'json' };

const range = packageJson.engines.node;

/**
 * What to tell whoever runs `version` of Node, in one line; undefined when `engines` allows it.
 * @param version such as '22.18.0'
 */
export function unsupportedNode(version: string = process.versions.node): string | undefined {
  if (isInRange(version, range)) return undefined;
  return `multi-outbox needs Node ${lowest(range)} or newer (${range}) and this is v${version}; install a newer Node and try again.`;
}

/** The two forms that `engines` uses: '^22.18.0' (that major, from there on) and '>=24.0.0', with '||' between. */
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
