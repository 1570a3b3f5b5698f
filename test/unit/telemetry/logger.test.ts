import { type Logger, loggerOf, safeLogger, silentLogger } from '../../../src/telemetry/logger.ts';
import { hostileValues } from '../../support/hostile.ts';
import { refusal } from '../../support/refusal.ts';

const levels = ['debug', 'info', 'warn', 'error'] as const;

function loggerThat(act: () => unknown): Logger {
  const line = act as () => void;
  return { debug: line, info: line, warn: line, error: line, child: act as Logger['child'] };
}

describe.each(Object.entries(hostileValues))('D3: a logger and %s', (_, make) => {
  test.each([
    ['throws it', () => raise(make())],
    ['returns it', make],
    ['rejects with it', () => Promise.reject(make())],
  ])('a line or child that %s', async (_, act) => {
    const unhandled: unknown[] = [];
    const note = () => unhandled.push('unhandled');
    process.on('unhandledRejection', note);
    const logger = safeLogger(loggerThat(act));
    for (const level of levels) expect(() => logger[level]('text', { key: 1 })).not.toThrow();
    expect(() => logger.child({ tenantId: 'acme' }).warn('text')).not.toThrow();
    // Node reports unhandled rejections before the next turn of the event loop.
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });
});

test.each([
  ['nothing', undefined],
  ['a logger that lacks a method', { info() {} }],
])('a child that is %s does not lose lines: its parent writes them', (_, child) => {
  const lines: string[] = [];
  const logger = safeLogger({ ...loggerThat(() => child), warn: (message) => lines.push(message) });
  logger.child({ tenantId: 'acme' }).warn('kept');
  expect(lines).toEqual(['kept']);
});

function raise(value: unknown): never {
  throw value;
}

describe('loggerOf', () => {
  const refusedLogger = (given: unknown) => refusal(() => loggerOf('call', given as typeof silentLogger));

  test.each(Object.keys(silentLogger))(
    'S1: a logger without %s is refused, because its lines would be lost',
    (name) => {
      for (const value of [undefined, null, 'text', {}])
        expect(refusedLogger({ ...silentLogger, [name]: value })).toEqual({
          code: 'INVALID_ARGUMENT',
          message: `call: 'logger' must be an object with the methods debug, info, warn, error, child, and lacks '${name}'; add the method, or leave the option out.`,
        });
    },
  );

  test.each([null, true, 7, 'console', [], () => {}])('S1: %p is not a logger', (given) => {
    expect(refusedLogger(given).message).toContain("lacks 'debug'");
  });

  const hostile = Object.entries(hostileValues).filter(([, make]) => make() !== undefined);
  test.each(hostile)('S1: %s is not a logger', (_, make) => {
    expect(refusedLogger(make()).code).toBe('INVALID_ARGUMENT');
  });

  test('a logger is taken as it is, also one whose methods are inherited; so is no logger', () => {
    class Inherited {
      debug() {}
      info() {}
      warn() {}
      error() {}
      child() {
        return this;
      }
    }
    const inherited = new Inherited();
    expect(loggerOf('call', inherited)).toBe(inherited);
    expect(loggerOf('call', undefined)).toBeUndefined();
  });
});
