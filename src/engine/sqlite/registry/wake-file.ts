/**
 * Tells hosts in other processes, which use the same files, that a wake has left tenants due (F7). SQLite has no
 * notifications, so each such wake writes to a file beside the registry, and hosts watch that file. A host that cannot
 * watch it finds the tenants with its next plan.
 */
import { chmodSync, closeSync, type FSWatcher, openSync, statSync, watch, writeSync } from 'node:fs';
import { canonicalPath } from '../paths.ts';

export class WakeFile {
  readonly #registry: string;

  /** @param registry the path of the registry's file */
  constructor(registry: string) {
    this.#registry = registry;
  }

  /** Notifies the hosts that watch. Never throws. */
  touch(): void {
    try {
      // It does not create the file: without one, no host has ever watched.
      const file = openSync(this.#path(), 'r+');
      try {
        writeSync(file, '.', 0);
      } finally {
        closeSync(file);
      }
    } catch {
      // The tenants are due, so that the next plan of a host finds them.
    }
  }

  /** Calls the listener after each touch by any process; several may come together. Returns the function that ends it. */
  watch(listener: () => void): () => void {
    let watcher: FSWatcher | null = null;
    const begin = () => {
      watcher = this.#watcher();
      watcher?.on('change', (event) => {
        if (event === 'rename') {
          // The file was removed or replaced.
          watcher?.close();
          begin();
        }
        listener();
      });
    };
    begin();
    return () => watcher?.close();
  }

  #watcher(): FSWatcher | null {
    const path = this.#path();
    try {
      closeSync(openSync(path, 'a'));
      // Whoever may write the registry may notify.
      chmodSync(path, statSync(this.#registry).mode & 0o666);
    } catch {
      // Another user's process may have created it.
    }
    try {
      const watcher = watch(path, { persistent: false });
      return watcher.on('error', () => watcher.close());
    } catch {
      return null;
    }
  }

  /** SQLite resolves symbolic links too, when it names the files beside a database. */
  #path(): string {
    return `${canonicalPath(this.#registry)}-wake`;
  }
}
