/** Repeatable random numbers: the same seed gives the same numbers. */

/** Numbers in [0, 1) by mulberry32, which is fast and good enough for models. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A random time until the next event, for independent events that are `meanMs` milliseconds apart on average. */
export function exponential(meanMs: number, random: () => number): number {
  return -Math.log(1 - random()) * meanMs;
}
