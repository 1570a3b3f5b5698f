import { LogLimit } from '../../../src/telemetry/log-limit.ts';
import { fakeTimers } from '../../support/fake-timers.ts';
import { recordingLogger } from '../../support/recording-logger.ts';

const pass = fakeTimers();
const allowed = (limit: LogLimit, topic: string, times: number, kind = 'dead') =>
  Array.from({ length: times }, () => limit.allows(kind, { topic })).filter(Boolean).length;

test('S1: ten lines of a kind and topic are written in a minute; the others are counted, and the count is logged', async () => {
  const logger = recordingLogger();
  const limit = new LogLimit(logger);
  expect(allowed(limit, 'an order', 25)).toBe(10);
  expect(allowed(limit, 'mails', 10)).toBe(10);
  expect(allowed(limit, 'an order', 1, 'retried')).toBe(1);
  await pass(59_999);
  expect(logger.lines).toEqual([]);
  await pass(1);
  const line = { kind: 'dead', topic: 'an order', leftOut: 15 };
  expect(logger.lines).toMatchObject([{ level: 'warn', fields: line }]);
  expect(allowed(limit, 'an order', 12)).toBe(10);
  limit.close();
  expect(logger.lines).toMatchObject([{ fields: line }, { fields: { ...line, leftOut: 2 } }]);
  await pass(60_000);
  expect(logger.lines).toHaveLength(2);
});
