/** The versions of Node to try, each from the npm package `node`, in a folder of its own. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import packageJson from '../../package.json' with { type: 'json' };

const root = path.join(import.meta.dirname, '../..');
const isWindows = process.platform === 'win32';

/** The versions that `engines` begins at, such as 22.18.0 and 24.5.0. */
export const floors: readonly string[] = packageJson.engines.node.match(/\d+\.\d+\.\d+/g) ?? [];

/**
 * The versions to try when none is given: those that `engines` begins at, and the newest release of each line with
 * long-term support. And the versions to refuse: the last release before the floor, and the line before it.
 */
export function defaultVersions(): { supported: string[]; refused: string[] } {
  const published = publishedVersions();
  const [floor] = floors;
  const floorMajor = Number.parseInt(floor!, 10);
  const majors = [...new Set(published.map((version) => Number.parseInt(version, 10)))];
  const lines = majors.filter((major) => major >= floorMajor && major % 2 === 0);
  return {
    supported: [...new Set([...floors, ...lines.map((major) => newest(published, `${major}.`)!)])],
    refused: [published[published.indexOf(floor!) - 1]!, newest(published, `${floorMajor - 2}.`)!],
  };
}

/** The newest release that a text such as '22', '22.18' or '22.18.0' names. */
export function resolveVersion(text: string): string {
  const found = newest(publishedVersions(), `${text}.`) ?? publishedVersions().find((one) => one === text);
  if (found === undefined)
    throw new Error(`There is no Node ${text}: 'npm view node versions' lists them all.`);
  return found;
}

/** Installs a version, once, and returns the path of its program. */
export function nodeProgram(version: string): string {
  const folder = path.join(root, 'node_modules/.cache/node', version);
  const program = path.join(folder, 'node_modules/node/bin', isWindows ? 'node.exe' : 'node');
  if (!existsSync(program)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, 'package.json'), '{"private":true}\n');
    npm(['install', '--no-audit', '--no-fund', '--no-package-lock', `node@${version}`], folder);
  }
  return program;
}

let published: string[] | undefined;

function publishedVersions(): string[] {
  published ??= (JSON.parse(npm(['view', 'node', 'versions', '--json'], root)) as string[])
    .filter((version) => /^\d+\.\d+\.\d+$/.test(version))
    .sort((one, other) => one.localeCompare(other, 'en', { numeric: true }));
  return published;
}

function newest(versions: readonly string[], prefix: string): string | undefined {
  return versions.findLast((version) => version.startsWith(prefix));
}

function npm(words: readonly string[], cwd: string): string {
  // On Windows npm is a script, which only a shell starts; none of the words needs quotes.
  return execFileSync('npm', words, { cwd, encoding: 'utf8', shell: isWindows });
}
