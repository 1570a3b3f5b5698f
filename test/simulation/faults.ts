/**
 * The decisions to let something go wrong. Each is drawn from the seed. A limit keeps only the first of them, so that the
 * shortest prefix that still fails can be found: up to the limit the history is the same.
 */
import { type Random, randomFor } from './machine/randomness.ts';

/** Everything that can go wrong, with its usual probability each time that it could. */
export const usualFaults = {
  'dies before a call': 0.002,
  'dies after a call': 0.002,
  'freezes before a call': 0.002,
  'freezes after a call': 0.002,
  'call fails': 0.015,
  'answer is lost': 0.015,
  'call is slow': 0.02,
  'answer is slow': 0.02,
  'freezes until it is overtaken': 0.01,
  'is restored to before a run': 0.02,
  'line breaks after a slow answer': 0.04,
  'has no file descriptors left': 0.003,
  'dies in a handler': 0.004,
  'freezes in a handler': 0.008,
  'message kills its process': 0.02,
  'message always fails': 0.03,
  'handler throws': 0.08,
  'handler refuses for good': 0.02,
  'handler snoozes': 0.04,
  'handler asks to retry after': 0.03,
  'handler is slow': 0.08,
  'handler outlasts its timeout': 0.02,
  'handler hangs': 0.01,
  'handler ignores its signal': 0.01,
  'handler enqueues': 0.05,
  'transaction enqueues': 0.2,
  'transaction throws': 0.05,
  'transaction is slow': 0.1,
  'transaction hangs': 0.01,
  'fails after its commit': 0.05,
  'transaction is not awaited': 0.05,
  'producer rolls back': 0.15,
  'producer holds its transaction': 0.15,
  'producer dies before the wake': 0.02,
  'database goes away': 0.02,
  'registry goes away': 0.01,
  'disk is full': 0.01,
  'clock steps forward': 0.01,
  'clock steps back': 0.02,
  'clock steps back at a death': 0.3,
  'database is restored': 0.006,
  'registry is restored': 0.003,
  'deployment changes the handlers': 0.02,
  'host is stopped': 0.02,
  'tenant is paused': 0.02,
  'tenant is retired': 0.01,
  'tenant is moved': 0.015,
  'tenant is changed': 0.02,
  'dead messages are replayed': 0.03,
  'dead messages are discarded': 0.01,
  'lease is freed by an operator': 0.003,
  'queue delivers late': 0.1,
  'queue delivers twice': 0.1,
  'directory glitches': 0.2,
  'answer to a commit is slow': 0.1,
} as const;

export type Fault = keyof typeof usualFaults;

export interface FaultsOptions {
  readonly seed: number;
  /** Only the first faults strike. Default: all of them. */
  readonly limit?: number | undefined;
  /** Faults that cannot strike. */
  readonly without?: readonly Fault[] | undefined;
  readonly onFault: (fault: Fault, number: number) => void;
}

export class Faults {
  readonly #options: FaultsOptions;
  readonly random: Random;
  readonly #probability = new Map<Fault, number>();
  /** Whether this history has no faults at all. */
  readonly isCalm: boolean;
  #struck = 0;
  #isOver = false;

  constructor(options: FaultsOptions) {
    this.#options = options;
    const swarm = randomFor(options.seed, 'swarm');
    this.random = randomFor(options.seed, 'faults');
    // Each history has some kinds of faults and not others: together, frequent ones would hide rare ones. One history in
    // eight has none at all.
    const share = swarm.chance(1 / 8) ? 0 : swarm.pick([0.15, 0.4, 0.8]);
    for (const [fault, usual] of Object.entries(usualFaults) as [Fault, number][]) {
      const intensity = swarm.pick([0.5, 1, 1, 3]);
      const isDrawn = swarm.chance(share) && options.without?.includes(fault) !== true;
      this.#probability.set(fault, isDrawn ? usual * intensity : 0);
    }
    this.isCalm = [...this.#probability.values()].every((probability) => probability === 0);
  }

  /** How many faults have struck. */
  get struck(): number {
    return this.#struck;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** From now on nothing goes wrong. */
  end(): void {
    this.#isOver = true;
  }

  /** Whether this can go wrong in this history. */
  mayStrike(fault: Fault): boolean {
    return this.#probability.get(fault)! > 0;
  }

  /** Whether this goes wrong now. */
  strikes(fault: Fault): boolean {
    const probability = this.#probability.get(fault)!;
    if (this.#isOver || probability === 0) return false;
    if (!this.random.chance(probability)) return false;
    if (this.#struck >= (this.#options.limit ?? Number.POSITIVE_INFINITY)) return false;
    this.#struck++;
    this.#options.onFault(fault, this.#struck);
    return true;
  }
}
