import { lstatSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { FailedError, UsageError } from '../errors.ts';
import type { ProjectFiles } from './files.ts';

/**
 * Writes all files, or none if one of them exists already. Other files of the folder do not matter.
 * @throws UsageError that names the files that exist, or when the folder is none; FailedError when the system refuses to write one
 */
export function writeNewFiles(folder: string, files: ProjectFiles): void {
  if (!isFolder(folder)) throw new UsageError(`${folder} is not a folder; name another one.`);
  const existing = [...files.keys()].filter((file) => isTaken(folder, file));
  if (existing.length > 0) {
    throw new UsageError(
      `init overwrites nothing, and ${folder} has ${existing.join(', ')} already; name another folder, or remove them.`,
    );
  }
  for (const [file, text] of files) {
    const target = path.join(folder, file);
    try {
      mkdirSync(path.dirname(target), { recursive: true });
      // Another process may have made the file since.
      writeFileSync(target, text, { flag: 'wx' });
    } catch (error) {
      throw new FailedError(
        `${target} could not be written: ${(error as Error).message}; name another folder.`,
      );
    }
  }
}

/** Also a link that leads nowhere, and a file where a folder is needed, are in the way. */
function isTaken(folder: string, file: string): boolean {
  const target = path.join(folder, file);
  return !isFolder(path.dirname(target)) || lstatSync(target, { throwIfNoEntry: false }) !== undefined;
}

/** Whether the path is a folder, or can be made one. */
function isFolder(target: string): boolean {
  const found = statSync(target, { throwIfNoEntry: false });
  if (found !== undefined) return found.isDirectory();
  const parent = path.dirname(target);
  return parent === target || isFolder(parent);
}
