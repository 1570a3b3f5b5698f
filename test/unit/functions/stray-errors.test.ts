import { whileRunsAreInFlight } from '../../../functions/stray-errors.ts';
import { loadSettings } from '../../../src/settings.ts';

const { telemetry } = loadSettings({}, {});
const isWatching = () => process.hasUncaughtExceptionCaptureCallback();

afterEach(() => process.setUncaughtExceptionCaptureCallback(null));

test('D8: stray errors are caught while runs are in flight, and not after the last one', async () => {
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  const runs = [first, second].map(({ promise }) => whileRunsAreInFlight(telemetry, () => promise));
  expect(isWatching()).toBe(true);
  first.resolve();
  await runs[0];
  expect(isWatching()).toBe(true);
  second.resolve();
  await runs[1];
  expect(isWatching()).toBe(false);
});

test('D8: a run that is refused, because somebody else catches stray errors, is not in flight', async () => {
  process.setUncaughtExceptionCaptureCallback(() => {});
  await expect(whileRunsAreInFlight(telemetry, async () => {})).rejects.toThrow(/setupUncaught|capture/);
  process.setUncaughtExceptionCaptureCallback(null);
  await whileRunsAreInFlight(telemetry, async () => expect(isWatching()).toBe(true));
  expect(isWatching()).toBe(false);
});
