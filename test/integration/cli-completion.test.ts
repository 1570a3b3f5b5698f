/** Completion by the shells themselves, as far as they are installed. */
import { spawnSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import path from 'node:path';
import { type CliFolder, cliFolder } from '../support/cli-process.ts';

const program = path.resolve(__dirname, '../../dist/cli.js');
const has = (shell: string) => spawnSync(shell, ['--version']).status === 0;

let folder: CliFolder;
beforeEach(() => {
  folder = cliFolder();
  folder.write('multi-outbox', `#!/bin/sh\nexec ${process.execPath} ${program} "$@"\n`);
  chmodSync(path.join(folder.path, 'multi-outbox'), 0o755);
});
afterEach(() => folder.remove());

/** Runs a shell with the program on its path. */
function shell(name: string, args: readonly string[]): string[] {
  const { stdout, stderr, status } = spawnSync(name, args, {
    cwd: folder.path,
    encoding: 'utf8',
    env: { ...process.env, PATH: `${folder.path}${path.delimiter}${process.env.PATH}` },
  });
  if (status !== 0) throw new Error(`${name} ended with ${status}: ${stderr}`);
  return stdout.split('\n').filter(Boolean);
}

const inBash = (...words: string[]) =>
  shell('bash', [
    '--norc',
    '-c',
    `eval "$(multi-outbox completion bash)"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _multi_outbox; printf "%s\\n" "\${COMPREPLY[@]}"`,
    'bash',
    'multi-outbox',
    ...words,
  ]);
const inFish = (line: string) =>
  shell('fish', [
    '--no-config',
    '-c',
    `multi-outbox completion fish | source; complete -C ${JSON.stringify(line)}`,
  ]);
const inPwsh = (line: string) =>
  shell('pwsh', [
    '-NoProfile',
    '-Command',
    `multi-outbox completion pwsh | Out-String | Invoke-Expression; (TabExpansion2 '${line}' ${line.length}).CompletionMatches.CompletionText`,
  ]);

const testIn = (name: string) => (has(name) ? test : test.skip);

testIn('bash')('bash completes, also behind a blank, and leaves free values to file names', () => {
  expect(inBash('tenants', 're')).toEqual(['remove', 'resume']);
  expect(inBash('completion', '')).toEqual(['bash', 'fish', 'pwsh', 'zsh']);
  expect(inBash('run', '--handlers', '')).toEqual([]);
});

testIn('fish')('fish completes', () => {
  expect(inFish('multi-outbox sta')).toContain('status');
  expect(inFish('multi-outbox tenants pa')).toContain('pause');
});

testIn('pwsh')('PowerShell completes', () => {
  expect(inPwsh('multi-outbox sta')).toEqual(['status']);
  expect(inPwsh('multi-outbox tenants ')).toContain('pause');
});

testIn('zsh')('the script for zsh is one', () => {
  expect(
    shell('zsh', [
      '-f',
      '-c',
      'compdef() { :; }; eval "$(multi-outbox completion zsh)"; whence -w _multi_outbox',
    ]),
  ).toEqual(['_multi_outbox: function']);
});

test('another shell is refused with those that there are', async () => {
  const { code, stderr } = await folder.cli(['completion', 'tcsh']);
  expect([code, stderr]).toEqual([2, expect.stringContaining('bash, zsh, fish, pwsh')]);
});
