import { readFileSync } from 'node:fs';
import type { Settings } from '../../settings.ts';

/** File descriptors of one open tenant database: a SQLite file, its WAL and its index; or a pool of connections. */
const perDatabase = 3;
/** Descriptors for all else, such as handlers' connections; of a smaller limit one half. */
const mostReserved = 512;

/**
 * How many files this process may have open; undefined if the system does not say. Node has raised a soft limit to the
 * hard limit when it started.
 */
function openFilesLimit(): number | undefined {
  try {
    const [, limit] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return limit === undefined ? undefined : Number(limit);
  } catch {
    return undefined;
  }
}

/** How many tenant databases may be kept open: no more than the process has file descriptors for. */
export function mostOpenDatabases(
  { maxOpen }: Pick<Settings['databases'], 'maxOpen'>,
  openFiles: number | undefined = openFilesLimit(),
): number {
  if (openFiles === undefined) return maxOpen;
  const reserved = Math.min(openFiles / 2, mostReserved);
  return Math.min(maxOpen, Math.max(1, Math.floor((openFiles - reserved) / perDatabase)));
}
