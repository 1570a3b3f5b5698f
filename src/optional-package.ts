/** Packages that only some installations need: optional peers, which a package manager does not install by itself. */
import { MultiOutboxError } from './errors.ts';

/**
 * Imports what `load` imports.
 * @param packages what to install if one of them is missing, as `npm install` takes it: 'mssql' or 'mssql@12.7.14'
 * @throws MultiOutboxError PACKAGE_MISSING, with the command that installs them
 */
export async function optional<Modules>(
  packages: string | readonly string[],
  load: () => Promise<Modules>,
): Promise<Modules> {
  try {
    return await load();
  } catch (error) {
    throw packageMissing(packages, error);
  }
}

/** The error to throw when packages could not be loaded: `error` itself, unless one of them is what is missing. */
export function packageMissing(packages: string | readonly string[], error: unknown): unknown {
  const names = [packages].flat();
  const missing = names.map(withoutVersion).find((name) => isMissing(name, error));
  if (missing === undefined) return error;
  return new MultiOutboxError(
    'PACKAGE_MISSING',
    `The package '${missing}' is not installed, and this needs it; install it: npm install ${names.join(' ')}`,
    { cause: error },
  );
}

function withoutVersion(name: string): string {
  return name.replace(/(?<=.)@.*$/, '');
}

/** As Node, Jest and Yarn say it. A package that is there, and misses one of its own, is another matter. */
function isMissing(name: string, error: unknown): boolean {
  const { code, message } = (error ?? {}) as Partial<NodeJS.ErrnoException>;
  if (code !== 'MODULE_NOT_FOUND' && code !== 'ERR_MODULE_NOT_FOUND') return false;
  const found =
    /^Cannot find (?:module|package) '([^']+)'/.exec(message ?? '') ??
    /^multi-outbox tried to access ([^\s,]+)/.exec(message ?? '');
  return found !== null && (found[1] === name || found[1]!.startsWith(`${name}/`));
}
