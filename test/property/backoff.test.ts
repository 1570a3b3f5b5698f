import fc from 'fast-check';
import { backoffCeiling, backoffDelay, type RetryPolicy } from '../../src/queue/retry.ts';
import { loadSettings } from '../../src/settings.ts';

const policies: fc.Arbitrary<RetryPolicy> = fc.record({
  maxAttempts: fc.integer({ min: 1, max: 1_000 }),
  baseMs: fc.integer({ min: 0, max: 86_400_000 }),
  maxDelayMs: fc.integer({ min: 0, max: 30 * 86_400_000 }),
});
const attempts = fc.integer({ min: 1, max: 5_000 });
const randoms = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe('backoff (D3)', () => {
  test('D3: a delay is whole milliseconds from 0 to the ceiling, whatever the attempt and the policy', () => {
    fc.assert(
      fc.property(policies, attempts, randoms, (policy, attempt, random) => {
        const delay = backoffDelay(attempt, policy, () => random);
        expect(Number.isInteger(delay)).toBe(true);
        expect(delay).toBeGreaterThanOrEqual(0);
        expect(delay).toBeLessThanOrEqual(backoffCeiling(attempt, policy));
        expect(backoffCeiling(attempt, policy)).toBeLessThanOrEqual(policy.maxDelayMs);
      }),
    );
  });

  test('D3: the ceiling doubles with every attempt until it meets the longest delay, and never falls', () => {
    fc.assert(
      fc.property(policies, attempts, (policy, attempt) => {
        const [now, next] = [backoffCeiling(attempt, policy), backoffCeiling(attempt + 1, policy)];
        expect(next).toBe(Math.min(policy.maxDelayMs, now === policy.maxDelayMs ? now : 2 * now));
      }),
    );
    expect(backoffCeiling(5_000, { maxAttempts: 1, baseMs: 0, maxDelayMs: 900_000 })).toBe(0);
    expect(backoffCeiling(1, { maxAttempts: 1, baseMs: 2_000, maxDelayMs: 900_000 })).toBe(2_000);
  });

  test('D3: full jitter: delays are spread evenly over the whole of it', () => {
    fc.assert(
      fc.property(policies, attempts, randoms, (policy, attempt, random) => {
        const ceiling = backoffCeiling(attempt, policy);
        expect(Math.abs(backoffDelay(attempt, policy, () => random) - random * ceiling)).toBeLessThanOrEqual(
          0.5,
        );
      }),
    );
  });
});

/** A small generator of evenly spread numbers in [0, 1), the same every time (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

describe('the default retry policy (D3)', () => {
  const policy = loadSettings({}, {}).retry;
  const hour = 3_600_000;
  /** Milliseconds from the first failure to the last attempt allowed, when every attempt fails at once. */
  const outageCovered = (random: () => number) => {
    let total = 0;
    for (let attempt = 1; attempt < policy.maxAttempts; attempt++)
      total += backoffDelay(attempt, policy, random);
    return total;
  };

  test('D3: it covers an outage of two hours on average, as its description says', () => {
    const expectation = outageCovered(() => 0.5);
    expect(expectation / hour).toBeGreaterThan(1.95);
    expect(expectation / hour).toBeLessThan(2.1);
  });

  test('D3: it covers at least an hour: all but one message in a thousand', () => {
    const random = seeded(20_26);
    const messages = 20_000;
    let short = 0;
    for (let n = 0; n < messages; n++) if (outageCovered(random) < hour) short++;
    expect(short / messages).toBeLessThan(0.001);
  });

  test('D3: a hiccup of a second is not waited for much longer: the first retry comes within two', () => {
    expect(backoffCeiling(1, policy)).toBeLessThanOrEqual(2_000);
  });
});
