/** A process that runs test files in the copy, one after another: Jest is loaded once. Its parent ends it. */
import path from 'node:path';
import { runCLI } from 'jest';
import type { Order, RunAnswer, RunRequest } from './order.ts';

const root = process.cwd();
const { default: base } = await import(path.join(root, 'jest.config.mjs'));
const config = JSON.stringify({
  ...base,
  rootDir: root,
  testEnvironment: path.join(root, 'test/mutation/environment.ts'),
  globalSetup: undefined,
  reporters: [],
  silent: true,
});

async function run({ file, only }: RunRequest): Promise<RunAnswer> {
  const order: Order = {
    only: only && new Map(Object.entries(only)),
    ran: [],
    outside: new Map(),
    failure: undefined,
  };
  Object.assign(globalThis, { order });
  const argv = { _: [file], $0: 'jest', config, runTestsByPath: true, runInBand: true, watchman: false };
  const { results } = await runCLI(argv as unknown as Parameters<typeof runCLI>[0], [root]);
  const broken = results.testResults.find(({ testExecError }) => testExecError !== undefined);
  const failure = order.failure ?? (broken && { message: String(broken.failureMessage) });
  return { ran: order.ran, outside: order.outside.get(file) ?? [], ...(failure && { failure }) };
}

process.on('message', async (request: RunRequest) => process.send!(await run(request)));
