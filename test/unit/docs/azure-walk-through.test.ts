/**
 * The blocks of docs/azure-deployment.md, one after another in one shell. Azure is not there: shell scripts take the place of the
 * programs that reach it, write their arguments down, and fail at an empty one, which is a variable that nobody has set.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { blocksOf, root } from '../../support/documents.ts';

const outputs = [
  ...readFileSync(path.join(root, 'infra/main.bicep'), 'utf8').matchAll(/^output (\w+) string/gm),
].map(([, name]) => name!);
/** What `azd env get-values` prints: its own variables, and the outputs of the deployment. */
const values = ['AZURE_ENV_NAME', 'AZURE_LOCATION', 'AZURE_SUBSCRIPTION_ID', ...outputs].map(
  (name) => `${name}="${name.toLowerCase()}"`,
);

function onPath(name: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(path.delimiter);
  return folders.map((folder) => path.join(folder, name)).find((file) => existsSync(file));
}

const shells = [
  { language: 'sh', program: onPath('bash'), flags: ['--norc', '-e', '-u', '-c'], before: '' },
  {
    language: 'pwsh',
    program: onPath('pwsh'),
    flags: ['-NoProfile', '-Command'],
    before: `$ErrorActionPreference = 'Stop'
      $PSNativeCommandUseErrorActionPreference = $true
      function Invoke-RestMethod { '203.0.113.7' }\n`,
  },
];

describe.each(shells)('docs/azure-deployment.md', (shell) => {
  // Windows cannot start shell scripts by name.
  const canRun = shell.program !== undefined && process.platform !== 'win32';
  (canRun ? test : test.skip)(`its blocks of ${shell.language} run to the end, with every variable set`, () =>
    walk({ ...shell, program: shell.program! }),
  );
});

function walk(shell: { language: string; program: string; flags: string[]; before: string }): void {
  const folder = mkdtempSync(path.join(tmpdir(), 'multi-outbox-walk-'));
  try {
    const answers = {
      az: 'echo value',
      azd: `[ "$*" = "env get-values" ] && printf '%s\\n' ${values.map((value) => `'${value}'`).join(' ')}`,
      curl: 'echo 203.0.113.7',
      npm: '',
      sqlcmd: '',
    };
    for (const [name, answer] of Object.entries(answers)) {
      const file = path.join(folder, name);
      writeFileSync(
        file,
        `#!/bin/sh
for argument in "$@"; do
  if [ -z "$argument" ]; then echo "${name} $*: an argument is empty" >&2; exit 1; fi
done
echo "${name} $*" >>"$CALLS"
${answer}
exit 0
`,
      );
      chmodSync(file, 0o755);
    }
    const calls = path.join(folder, 'calls');
    const code = blocksOf('docs/azure-deployment.md')
      .filter(({ language }) => language === shell.language)
      .map((block) => block.code)
      .join('');
    const { status, stderr } = spawnSync(shell.program, [...shell.flags, shell.before + code], {
      cwd: root,
      env: {
        CALLS: calls,
        HOME: folder,
        PATH: `${folder}:/usr/bin:/bin`,
        DOTNET_SYSTEM_GLOBALIZATION_INVARIANT: '1',
      },
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([0, '']);
    const called = readFileSync(calls, 'utf8');
    for (const call of [
      'azd env set SQL_ALLOWED_ADDRESS 203.0.113.7',
      'npm run --silent cli -- migrate --registry-only',
      'npm run --silent cli -- tenants add acme --server azure_sql_server_address --database acme --migrate',
      'sqlcmd -S azure_sql_server_address -d acme ',
      'npm run --silent cli -- status --tenant acme',
    ]) {
      expect(called).toContain(call);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
