import type { RegisterFunctionsOptions, registerFunctions } from '../../../functions/index.ts';
import { defineHandler } from '../../../src/index.ts';

const handler = defineHandler({ topic: 'own', handle() {} });
const source = { name: 'own', verify: () => ({ messageId: '1', topic: 'own', payload: '' }) };

/** Loads the module again, so that no function is registered yet, as in an app that starts. */
function freshly(): typeof registerFunctions {
  let register!: typeof registerFunctions;
  jest.isolateModules(() => {
    register = require('../../../functions/index.ts').registerFunctions;
  });
  return register;
}

beforeAll(() => {
  // @azure/functions warns that no host is present, and says that it streams.
  jest.spyOn(console, 'warn').mockImplementation(() => {});
  jest.spyOn(console, 'debug').mockImplementation(() => {});
});
afterAll(() => jest.restoreAllMocks());

function refusal(options: unknown): string {
  try {
    freshly()(options as RegisterFunctionsOptions);
  } catch (error) {
    expect(error).toMatchObject({ code: 'INVALID_CONFIGURATION' });
    return (error as Error).message;
  }
  throw new Error('Nothing was refused.');
}

describe('registerFunctions', () => {
  test('it accepts lists, and functions that return them for the settings', () => {
    freshly()({ handlers: [handler] });
    freshly()({ handlers: [handler], sources: [source], tenants: [{ id: 'acme' }] });
    const { multiOutbox } = freshly()({ handlers: () => [handler], sources: () => [source] });
    expect(multiOutbox().handlers).toMatchObject([{ queue: 'outbox', topic: 'own' }]);
    expect(multiOutbox()).toBe(multiOutbox());
  });

  test.each([
    [undefined, ['plan']],
    ['3', ['plan', 'plan-2', 'plan-3']],
    // The app reports the setting; a timer is there.
    ['0', ['plan']],
  ])('F3: with the setting PLANNERS %p, the timers are %p', (planners, names) => {
    if (planners !== undefined) process.env.MULTI_OUTBOX_PLANNERS = planners;
    const timers: string[] = [];
    try {
      jest.isolateModules(() => {
        const { app } = require('@azure/functions');
        jest.spyOn(app, 'timer').mockImplementation((name) => timers.push(name as string));
        require('../../../functions/index.ts').registerFunctions({ handlers: [handler] });
      });
    } finally {
      delete process.env.MULTI_OUTBOX_PLANNERS;
    }
    expect(timers).toEqual(names);
  });

  test('a second call is refused, and says what to do', () => {
    const register = freshly();
    register({ handlers: [handler] });
    expect(() => register({ handlers: [handler] })).toThrow(
      'registerFunctions was called twice in one app; call it once and give it all handlers and sources.',
    );
  });

  test('a call that was refused can be made again', () => {
    const register = freshly();
    expect(() => register({ handlers: [] })).toThrow();
    register({ handlers: [handler] });
  });

  test.each<[string, unknown, RegExp]>([
    ['no options', undefined, /registerFunctions: the options must be an object, got undefined/],
    ['no handlers', {}, /'handlers' is missing or empty; give at least one handler made by defineHandler/],
    ['an empty list', { handlers: [] }, /'handlers' is missing or empty/],
    ['one handler', { handlers: handler }, /'handlers' must be a list, or a function that returns a list/],
    [
      'a definition',
      { handlers: [handler, { topic: 'a' }] },
      /'handlers' has an item at index 1 .* defineHandler/,
    ],
    [
      'a source without verify',
      { handlers: [handler], sources: [{ name: 'a' }] },
      /'sources' .* index 0 .* verify/,
    ],
    ['a strategy by name', { handlers: [handler], strategy: 'weighted' }, /'strategy' must be .* choose/],
    [
      'tenants by name',
      { handlers: [handler], tenants: 'file' },
      /'tenants' must be a list of tenants or a directory/,
    ],
    [
      'a wrong setting',
      { handlers: [handler], dispatch: { batchSize: 0 } },
      /^Option 'dispatch\.batchSize' is 0: it must/,
    ],
    [
      'an unknown option',
      { handlers: [handler], schedul: '*' },
      /^registerFunctions: 'schedul' is not an option \(did you mean 'schedule'\?\)/,
    ],
  ])('%s: it says what to do', (_, options, message) => {
    expect(refusal(options)).toMatch(message);
  });

  test('a function that does not return a list fails where it is used', () => {
    const { multiOutbox } = freshly()({ handlers: async () => [handler] } as never);
    expect(multiOutbox).toThrow(
      "registerFunctions: 'handlers' must be a list, or a function that returns a list and not a promise.",
    );
  });
});
