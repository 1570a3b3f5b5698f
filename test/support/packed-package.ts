/**
 * The package as `npm pack` makes it from a fresh clone. It is made once, and made again when a source file has
 * changed.
 */
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import path from 'node:path';

const root = path.join(__dirname, '../..');
const place = path.join(root, 'dist.packed');

export interface PackedPackage {
  readonly tarball: string;
  /**
   * The folder with the package's content. It is below this repository, so that the package finds its dependencies in
   * the repository's node_modules.
   */
  readonly folder: string;
}

/** The files that git tracks, and those that it would track once they are added. */
function sources(): string[] {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], {
    cwd: root,
  });
  return listed
    .toString()
    .split('\0')
    .filter((file) => file !== '' && existsSync(path.join(root, file)));
}

/** On Windows npm is a script, which only a shell starts; the arguments here need no quotes. */
export const npmShell = process.platform === 'win32';

const isPacked = (file: string) => !/^(?:test|bench|\.github|\.ci)\//.test(file);

export function packedPackage(): PackedPackage {
  const files = sources().filter(isPacked);
  const changed = Math.max(...files.map((file) => statSync(path.join(root, file)).mtimeMs));
  if (!existsSync(place) || statSync(place).mtimeMs < changed) pack(files);
  const tarball = readdirSync(place).find((file) => file.endsWith('.tgz'))!;
  return { tarball: path.join(place, tarball), folder: path.join(place, 'package') };
}

function pack(files: readonly string[]): void {
  // The package is made in another folder and then renamed, because another worker of Jest may make it at the same
  // time.
  const aside = `${place}.${process.pid}`;
  const clone = path.join(aside, 'clone');
  try {
    for (const file of files) cpSync(path.join(root, file), path.join(clone, file));
    // On Windows this makes a junction, which needs no rights; other systems ignore the word.
    symlinkSync(path.join(root, 'node_modules'), path.join(clone, 'node_modules'), 'junction');
    const made = path.join(aside, 'made');
    mkdirSync(made);
    execFileSync('npm', ['pack', '--silent', '--pack-destination', '../made'], {
      cwd: clone,
      shell: npmShell,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    execFileSync('tar', ['-xzf', readdirSync(made)[0]!], { cwd: made });
    try {
      rmSync(place, { recursive: true, force: true });
      renameSync(made, place);
    } catch (error) {
      // The other worker's package is as new.
      if (!existsSync(place)) throw error;
    }
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}
