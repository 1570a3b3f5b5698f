/**
 * A Node environment for Jest. It runs only the requested tests, stops at the first failure, and notes which sites they
 * reach.
 */
import path from 'node:path';
import type { Circus } from '@jest/types';
import { TestEnvironment } from 'jest-environment-node';
import type { Order, RanTest } from './order.ts';

type Context = ConstructorParameters<typeof TestEnvironment>;

export default class MutationEnvironment extends TestEnvironment {
  readonly #order: Order = (globalThis as unknown as { order: Order }).order;
  readonly #file: string;
  readonly #outside = new Set<string>();
  #inside: Set<string> | undefined;

  constructor(...[config, context]: Context) {
    super(config, context);
    this.#file = path.relative(config.projectConfig.rootDir, context.testPath);
  }

  override async setup(): Promise<void> {
    await super.setup();
    this.global.reached = (site: string) => (this.#inside ?? this.#outside).add(site);
  }

  override async teardown(): Promise<void> {
    this.#order.outside.set(this.#file, [...this.#outside]);
    await super.teardown();
  }

  handleTestEvent(event: Circus.Event, state: Circus.State): void {
    if (event.name === 'run_start') this.#choose(state.rootDescribeBlock);
    else if (event.name === 'test_start') {
      this.#inside = new Set();
      if (this.#order.failure !== undefined) event.test.mode = 'skip';
    } else if (event.name === 'test_done') this.#done(event.test);
  }

  #choose(block: Circus.DescribeBlock): void {
    const { only } = this.#order;
    for (const child of block.children) {
      if (child.type === 'describeBlock') this.#choose(child);
      else if (only !== undefined) {
        const timeoutMs = only.get(nameOf(child));
        if (timeoutMs === undefined) child.mode = 'skip';
        else child.timeout = timeoutMs;
      }
    }
  }

  #done(test: Circus.TestEntry): void {
    const reached = [...(this.#inside ?? [])];
    this.#inside = undefined;
    const ran: RanTest = { file: this.#file, name: nameOf(test), ms: test.duration ?? 0, reached };
    this.#order.ran.push(ran);
    if (test.errors.length === 0 || this.#order.only === undefined) return;
    const message = test.errors
      .map((error) => String(Array.isArray(error) ? (error[0] ?? error[1]) : error))
      .join('\n');
    this.#order.failure ??= { test: ran.name, message };
  }
}

function nameOf(test: Circus.TestEntry): string {
  const names = [test.name];
  for (let block = test.parent; block.parent !== undefined; block = block.parent) names.unshift(block.name);
  return names.join(' › ');
}
