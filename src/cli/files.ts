/** The program's own files: this is the one place that asks where the bundle lies. */
import path from 'node:path';

/** Path of a file of the bundle, such as `index.js`. Every chunk lies in the same folder. */
export function bundledFile(name: string): string {
  return path.join(import.meta.dirname, name);
}

/** Path of the command line's entry, to start further processes of it. */
export function programPath(): string {
  return bundledFile('cli.js');
}
