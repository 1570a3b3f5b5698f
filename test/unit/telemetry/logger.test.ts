import { type Logger, safeLogger } from '../../../src/telemetry/logger.ts';
import { hostileValues } from '../../support/hostile.ts';

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

test('a child that is not a logger does not lose lines: its parent writes them', () => {
  const lines: string[] = [];
  const logger = safeLogger({ ...loggerThat(() => undefined), warn: (message) => lines.push(message) });
  logger.child({ tenantId: 'acme' }).warn('kept');
  expect(lines).toEqual(['kept']);
});

function raise(value: unknown): never {
  throw value;
}
