import { readFileSync } from 'node:fs';
import type { Settings } from '../../settings.ts';

/** File descriptors of one open tenant database: a SQLite file, its WAL and its index; or a pool of connections. */
const perDatabase = 3;
/** Descriptors for all else, such as handlers' connections; of a smaller limit one half. */
const mostReserved = 512;

/**
 * How many files this process may have open; infinite if the system does not say. Node has raised a soft limit to the
 * hard limit when it started.
 */
function openFilesLimit(): number {
  try {
    const [, limit] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))!;
    return Number(limit);
  } catch {
    // Only Linux has this file, and a process without a limit has no number in it.
    return Number.POSITIVE_INFINITY;
  }
}

/** How many tenant databases may be kept open: no more than the process has file descriptors for. */
export function mostOpenDatabases(
  { maxOpen }: Pick<Settings['databases'], 'maxOpen'>,
  openFiles: number = openFilesLimit(),
): number {
  const reserved = Math.min(openFiles / 2, mostReserved);
  return Math.min(maxOpen, Math.max(1, Math.floor((openFiles - reserved) / perDatabase)));
}
