import { types } from 'node:util';
import { MultiOutboxError, shownValue } from '../errors.ts';
import { parseDuration } from '../settings.ts';

/** The clock of a test outbox's databases. It stands still until the test moves it. Handler timeouts use real time. */
export interface TestClock {
  now(): Date;
  /** Moves the clock forward by milliseconds, or by text such as '5m'. @throws MultiOutboxError INVALID_ARGUMENT */
  advance(by: number | string): void;
  /** Sets the clock, to the past or the future. @throws MultiOutboxError INVALID_ARGUMENT */
  set(to: Date | number | string): void;
}

export function createClock(start: Date | number | string = Date.now()): TestClock {
  let nowMs = timeOf(start);
  return {
    now: () => new Date(nowMs),
    advance(by) {
      const ms = parseDuration(by);
      if (ms === null) {
        throw new MultiOutboxError(
          'INVALID_ARGUMENT',
          `The clock cannot be advanced by ${shownValue(by)}; give milliseconds or text such as '5m', or use set.`,
        );
      }
      nowMs += ms;
    },
    set(to) {
      nowMs = timeOf(to);
    },
  };
}

function timeOf(to: Date | number | string): number {
  const isTime = typeof to === 'number' || typeof to === 'string' || types.isDate(to);
  const ms = isTime ? new Date(to).getTime() : Number.NaN;
  if (!Number.isNaN(ms)) return ms;
  throw new MultiOutboxError(
    'INVALID_ARGUMENT',
    `The clock cannot be set to ${shownValue(to)}; give a Date, milliseconds since 1970, or text such as '2026-01-31T12:00:00Z'.`,
  );
}
