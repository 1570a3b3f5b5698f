/** The begin of a run on a file that is unchanged since a look found nothing to do: it is not opened for that (Q9). */
import type { BeginRequest, BeginResult } from '../../work-queue.ts';
import type { DatabaseFile } from '../file.ts';
import { nothingStored } from './counts.ts';
import { isPurgeDue } from './purge.ts';
import type { QueueTable } from './records.ts';

/**
 * Milliseconds after which a look is made again: a write through a memory mapping, or into some network file systems, may leave the
 * times of a file as they were (Q16).
 */
const longestHoldMs = 3_600_000;

/** What a look at the file would answer; null if it must be made. */
export function beginWithoutOpening(
  file: DatabaseFile,
  table: QueueTable,
  { retention }: BeginRequest,
): BeginResult | null {
  const look = file.unchanged?.recall(file.path, table);
  const now = Date.now();
  // After the clock was set back, times in the file may be too far ahead (Q16).
  if (look === undefined || now < look.now || now > look.now + longestHoldMs) return null;
  if (isPurgeDue(look, retention, now)) return null;
  const none = { messages: [], more: false, throttled: false, onlySolo: false, purged: 0, recovered: 0 };
  const parked = { topics: [], more: false };
  return { status: 'idle', ...none, nextDueInMs: null, nowUtc: new Date(now), parked, stored: nothingStored };
}
