/** A copy of the working tree, in which mutants are made. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export class Copy {
  readonly root = realpathSync(mkdtempSync(path.join(tmpdir(), 'multi-outbox-mutation-')));

  constructor(from: string) {
    const listed = execFileSync('git', ['ls-files', '-coz', '--exclude-standard'], {
      cwd: from,
      encoding: 'utf8',
    });
    for (const file of new Set(listed.split('\0').filter(Boolean)))
      cpSync(path.join(from, file), path.join(this.root, file), { force: true });
    symlinkSync(path.join(from, 'node_modules'), path.join(this.root, 'node_modules'));
  }

  write(file: string, text: string): void {
    writeFileSync(path.join(this.root, file), text);
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
