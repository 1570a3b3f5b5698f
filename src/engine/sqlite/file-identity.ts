/**
 * Identifies files, so that two names of one file are recognised (F1). Numbers are read as bigints: on Windows they do
 * not fit a JavaScript number.
 *
 * On Linux, macOS and NTFS a file keeps its numbers when it is renamed or its folder is moved within the file system, and
 * all of its hard links have them. They are not kept by a copy, nor by every network share, ReFS or FAT; there only the
 * path identifies a file.
 */
import { type BigIntStats, statSync } from 'node:fs';

export function statOf(path: string): BigIntStats | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false });
}

/** Equal for two names of one file at the same moment; null when the file system has no such number. */
export function placeOf({ dev, ino }: BigIntStats): string | null {
  return ino === 0n ? null : `${dev}:${ino}`;
}

/**
 * As `placeOf`, for comparison with files of other times: a file system gives the number of a deleted file to a new one,
 * which has another time of birth.
 */
export function lastingIdOf(stats: BigIntStats): string | null {
  const place = placeOf(stats);
  return place === null ? null : `${place}:${stats.birthtimeNs}`;
}
