/** Paths of the program's own files. Only this module knows where the bundle is. */
import path from 'node:path';

/** Path of a file of the bundle, such as `index.js`. All chunks are in one folder. */
export function bundledFile(name: string): string {
  return path.join(import.meta.dirname, name);
}

/** Path of the CLI's entry file, for starting another process of it. */
export function programPath(): string {
  return bundledFile('cli.js');
}
