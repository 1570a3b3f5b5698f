/** The demo's folder: every start empties it, so the demo first checks that the folder is its own. */
import { randomBytes } from 'node:crypto';
import { lstat, mkdir, open, readdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DemoFailed } from './failed.ts';

const marker = '.multi-outbox-demo';

export interface DemoFolder {
  /** Relative to the working folder, for people to read. */
  readonly shown: string;
  /** Absolute. */
  readonly path: string;
  readonly mail: string;
  database(customer: string): string;
}

export function demoFolder(shown = join('.data', 'demo')): DemoFolder {
  const path = resolve(shown);
  return {
    shown,
    path,
    mail: join(path, 'mail'),
    database: (customer) => join(path, 'tenants', `${customer}.db`),
  };
}

/** Empties the folder. @throws DemoFailed when the folder is not the demo's own */
export async function emptyFolder({ path, shown }: DemoFolder): Promise<void> {
  const found = await lstat(path).catch(() => null);
  if (found !== null) {
    if (!found.isDirectory()) {
      throw new DemoFailed(
        `'${shown}' is not a folder, but the demo keeps its files in a folder of this name; move it away.`,
      );
    }
    const names = await readdir(path);
    if (names.length > 0 && !names.includes(marker)) {
      throw new DemoFailed(
        `Folder '${shown}' holds files that are not the demo's; move them away, because the demo empties the folder.`,
      );
    }
    // The marker is removed last, so that an interrupted clean-up can be repeated.
    for (const name of names) if (name !== marker) await rm(join(path, name), { recursive: true });
  }
  await mkdir(join(path, 'tenants'), { recursive: true });
  await writeFile(join(path, marker), 'The demo of multi-outbox empties this folder at every start.\n');
}

/** Overwrites a database with garbage, as a dying disk would. */
export async function damage(database: string): Promise<void> {
  const file = await open(database, 'r+');
  try {
    const { size } = await file.stat();
    await file.write(randomBytes(size), 0, size, 0);
    await file.sync();
  } finally {
    await file.close();
  }
  for (const suffix of ['-wal', '-shm', '-journal']) await rm(database + suffix, { force: true });
}

/** The number of mails in a customer's folder. */
export async function countMails(folder: string): Promise<number> {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => name.endsWith('.eml')).length;
}
