/**
 * Packages that only some installations need: optional peer dependencies, which a package manager does not install by
 * itself.
 */
import { MultiOutboxError } from './errors.ts';

/**
 * Runs `load`, which imports the packages.
 * @param packages the packages to install if one is missing, in the form of `npm install`: 'mssql' or 'mssql@12.7.14'
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

/**
 * The error to throw when packages could not be loaded: PACKAGE_MISSING if one of them is missing, otherwise `error`.
 */
export function packageMissing(packages: string | readonly string[], error: unknown): unknown {
  const names = [packages].flat();
  const missing = names.map(withoutVersion).find((name) => isMissing(name, error));
  if (missing === undefined) return error;
  return new MultiOutboxError(
    'PACKAGE_MISSING',
    `The package '${missing}', which this feature needs, is not installed; install it: npm install ${names.join(' ')}`,
    { cause: error },
  );
}

function withoutVersion(name: string): string {
  return name.replace(/(?<=.)@.*$/, '');
}

/**
 * Recognises the messages of Node, Jest and Yarn. It must not match when the package exists but lacks a dependency of
 * its own.
 */
function isMissing(name: string, error: unknown): boolean {
  const { code, message } = (error ?? {}) as Partial<NodeJS.ErrnoException>;
  if (code !== 'MODULE_NOT_FOUND' && code !== 'ERR_MODULE_NOT_FOUND') return false;
  const found =
    /^Cannot find (?:module|package) '([^']+)'/.exec(message ?? '') ??
    /^multi-outbox tried to access ([^\s,]+)/.exec(message ?? '');
  return found !== null && (found[1] === name || found[1]!.startsWith(`${name}/`));
}
