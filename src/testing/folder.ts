import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const open = new Set<string>();

/**
 * Creates a folder for the databases of one test outbox. If the test does not close its outbox, the folder is removed
 * when the process exits.
 */
export function createFolder(): string {
  if (open.size === 0) process.once('exit', removeAll);
  const folder = mkdtempSync(path.join(tmpdir(), 'multi-outbox-testing-'));
  open.add(folder);
  return folder;
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  open.delete(folder);
  if (open.size === 0) process.off('exit', removeAll);
}

function removeAll(): void {
  for (const folder of open) rmSync(folder, { recursive: true, force: true });
}
