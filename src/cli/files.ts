/** The program's own files: this is the one place that asks where the bundle lies. */
import { fileURLToPath } from 'node:url';

/** URL of a file of the bundle, such as `index.js`. Every chunk lies in the same folder. */
export function bundledFile(name: string): URL {
  return new URL(name, import.meta.url);
}

/** Path of the command line's entry, to start further processes of it. */
export function programPath(): string {
  return fileURLToPath(bundledFile('cli.js'));
}
