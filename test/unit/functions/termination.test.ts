import { registerTermination } from '../../../functions/termination.ts';
import { fakeTimers } from '../../support/fake-timers.ts';

type Hook = (context: object) => Promise<void>;
const mockHooks = new Map<string, Hook[]>();

/** What the host's worker provides to the app. */
jest.mock(
  '@azure/functions-core',
  () => ({
    hostVersion: '4.0.0',
    setProgrammingModel() {},
    log() {},
    registerHook(name: string, hook: Hook) {
      mockHooks.set(name, [...(mockHooks.get(name) ?? []), hook]);
    },
  }),
  { virtual: true },
);

const advance = fakeTimers();
afterEach(() => mockHooks.clear());

/** Begins an invocation of this handler, and then stops the app. */
async function stopDuring(handler: (terminating: AbortSignal) => Promise<void>) {
  const { signal, afterRuns } = registerTermination();
  const work: string[] = [];
  afterRuns(async () => {
    work.push('telemetry');
    await new Promise(() => {});
  });
  const invocation = {
    hookData: {},
    appHookData: {},
    invocationContext: {},
    inputs: [],
    functionCallback: () => handler(signal),
  };
  for (const hook of mockHooks.get('preInvocation')!) await hook(invocation);
  void invocation.functionCallback();
  let ended = false;
  const hooks = mockHooks.get('appTerminate')!;
  void (async () => {
    for (const hook of hooks) await hook({ hookData: {}, appHookData: {} });
    ended = true;
  })();
  return { signal, work, hasEnded: () => ended };
}

test('D5: all hooks end within the host’s five seconds, though a run never ends and telemetry is stuck', async () => {
  const { signal, work, hasEnded } = await stopDuring(() => new Promise(() => {}));
  expect(signal.aborted).toBe(true);
  await advance(4_000);
  expect(work).toEqual([]);
  await advance(300);
  expect([work, hasEnded()]).toEqual([['telemetry'], false]);
  await advance(600);
  expect(hasEnded()).toBe(true);
});

test('D5: the work after the runs begins when they have ended, and has the rest of the time', async () => {
  const { work, hasEnded } = await stopDuring(async (terminating) => {
    if (!terminating.aborted) await new Promise((resolve) => setTimeout(resolve, 1_000));
  });
  await advance(999);
  expect(work).toEqual([]);
  await advance(1);
  expect(work).toEqual(['telemetry']);
  await advance(3_000);
  expect(hasEnded()).toBe(false);
  await advance(900);
  expect(hasEnded()).toBe(true);
});
