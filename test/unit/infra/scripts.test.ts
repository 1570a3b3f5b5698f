import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { findFiles, readTopFile } from './bicep-text.ts';

const scripts = path.join(__dirname, '../../../infra/scripts');
const deployment = {
  MULTI_OUTBOX_REGISTRY: 'mssql://registry.example/registry',
  AZURE_SQL_SERVER_ADDRESS: 'registry.example',
  AZURE_SQL_REGISTRY_DATABASE: 'registry',
  AZURE_IDENTITY_NAME: 'id-app',
  AZURE_IDENTITY_CLIENT_ID: '11111111-2222-3333-4444-555555555555',
};

const isWindows = process.platform === 'win32';

/** The path of a program, or undefined when no folder of PATH has it. */
function onPath(name: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(path.delimiter);
  return folders.map((folder) => path.join(folder, name)).find((file) => existsSync(file));
}

// Each script exists for bash and for PowerShell. Their servers are in Azure, so the tests replace the programs that
// the scripts call by shell scripts that write down their arguments. Windows cannot start such scripts by name.
const shells = [
  { name: 'bash', extension: '.sh', program: onPath('bash'), flags: [] },
  { name: 'PowerShell', extension: '.ps1', program: onPath('pwsh'), flags: ['-NoProfile', '-File'] },
];

test('every script exists for both shells', () => {
  const named = readdirSync(scripts).map((file) => path.parse(file));
  const names = ({ extension }: (typeof shells)[number]) =>
    named.flatMap(({ name, ext }) => (ext === extension ? [name] : []));
  expect(names(shells[0]!)).toEqual(['add-tenants', 'environment', 'grant-identity', 'prepare-registry']);
  expect(names(shells[1]!)).toEqual(names(shells[0]!));
});

describe.each(shells)('scripts that follow a deployment, in $name', ({ extension, program, flags }) => {
  const test = isWindows || program === undefined ? globalThis.test.skip : globalThis.test;
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'multi-outbox-scripts-'));
    command('npm', 'exit 0');
    command('sqlcmd', `case "$*" in *bad-db*) exit 1;; esac`);
    command('azd', 'exit 1');
    symlinkSync(process.execPath, path.join(folder, 'node'));
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** Puts a program on the path that writes its arguments down. */
  function command(name: string, body: string): void {
    const file = path.join(folder, name);
    writeFileSync(file, `#!/bin/sh\necho "${name} $*" >>"$CALLS"\n${body}\n`);
    chmodSync(file, 0o755);
  }

  function run(name: string, args: string[], env: Record<string, string> = deployment, place = scripts) {
    const calls = path.join(folder, 'calls');
    writeFileSync(calls, '');
    const { status, stdout, stderr } = spawnSync(
      program!,
      [...flags, path.join(place, `${name}${extension}`), ...args],
      {
        env: { ...env, CALLS: calls, HOME: folder, PATH: `${folder}:/usr/bin:/bin` },
        encoding: 'utf8',
      },
    );
    return { status, stdout, stderr, calls: readFileSync(calls, 'utf8').split('\n').filter(Boolean) };
  }

  test('prepare-registry: the schema first, then the user of the identity', () => {
    const { status, calls } = run('prepare-registry', []);
    expect(status).toBe(0);
    expect(calls).toEqual([
      'npm run --silent cli -- migrate --registry-only',
      expect.stringMatching(
        /^sqlcmd -S registry\.example -d registry .* -v UserName=id-app ClientId=11111111-2222-3333-4444-555555555555 Schema=messaging$/,
      ),
    ]);
  });

  test('the identity gets a role that the migrations make, in the registry and in tenant databases (text of the scripts, no server)', () => {
    const [, role] =
      /@Role sysname = N'\$\(Schema\)(\w+)'/.exec(readTopFile('infra/scripts/identity-user.sql')) ?? [];
    const sql = findFiles('sql/**/*.sql').map(readTopFile);
    const making = sql.filter((text) => text.includes(`CREATE ROLE [$(Schema)${role}]`));
    expect(making.length).toBe(2);
  });

  test('add-tenants: imports the file, then grants access to each database, and reports failures at the end', () => {
    const file = path.join(folder, 'tenants.csv');
    writeFileSync(
      file,
      'id,server,database,priority\nacme,one.example,acme-db,1\nbad,one.example,bad-db,\nbirch,two.example,birch-db,2',
    );
    const { status, stderr, calls } = run('add-tenants', [file]);
    expect(status).toBe(1);
    expect(stderr).toContain('did not get access to 1 databases, of the tenants: bad.');
    expect(calls).toEqual([
      `npm run --silent cli -- tenants import ${file} --update --migrate`,
      expect.stringMatching(/^sqlcmd -S one\.example -d acme-db /),
      expect.stringMatching(/^sqlcmd -S one\.example -d bad-db /),
      expect.stringMatching(/^sqlcmd -S two\.example -d birch-db /),
    ]);
  });

  test('add-tenants: reads the file as `tenants import` does, and leaves out tenants with an auth-setting', () => {
    const file = path.join(folder, 'tenants.csv');
    writeFileSync(
      file,
      [
        '\ufeff"Server", id ,tag:plan,"database","auth-setting",schema',
        'one.example,acme,"gold, ""new""","acme, north",,',
        '',
        '"two.example","birch",,"",,"out box"',
        'two.example,cedar,,cedar-db,CEDAR_DB,',
        ',elder,,elder-db,,',
      ].join('\r\n'),
    );
    const { status, stderr, calls } = run('add-tenants', [file]);
    expect([status, stderr]).toEqual([0, '']);
    expect(calls.slice(1)).toEqual([
      expect.stringMatching(/^sqlcmd -S one\.example -d acme, north .* Schema=messaging$/),
      expect.stringMatching(/^sqlcmd -S two\.example -d birch .* Schema=out box$/),
    ]);
  });

  test('add-tenants: a row that is not imported is a failure, and the other tenants still get access', () => {
    command('npm', 'exit 1');
    const file = path.join(folder, 'tenants.csv');
    writeFileSync(file, 'id,server,database\r\nacme,one.example,acme-db\r\n');
    const { status, calls } = run('add-tenants', [file]);
    expect([status, calls.length]).toEqual([1, 2]);
  });

  test.each([
    ['without a heading', 'acme,one.example,acme-db\n', "'id,server'"],
    ['with a heading alone', 'id,server,database\n', 'a row for each tenant'],
  ])('add-tenants: a file %s is wrong usage', (_name, text, problem) => {
    const file = path.join(folder, 'tenants.csv');
    writeFileSync(file, text);
    const { status, stderr, calls } = run('add-tenants', [file]);
    expect([status, calls]).toEqual([2, []]);
    expect(stderr).toContain(problem);
  });

  test('in an installed package the scripts call the command line that it brings', () => {
    const place = path.join(folder, 'node_modules/multi-outbox/infra/scripts');
    cpSync(scripts, place, { recursive: true });
    rmSync(path.join(folder, 'node'));
    command('node', '');
    const { status, calls } = run('prepare-registry', [], deployment, place);
    expect([status, calls]).toEqual([
      0,
      ['node dist/cli.js migrate --registry-only', expect.stringMatching(/^sqlcmd -S registry\.example /)],
    ]);
  });

  test.each(['prepare-registry', 'grant-identity', 'add-tenants'])(
    '%s changes nothing without a deployment',
    (script) => {
      const file = path.join(folder, 'tenants.csv');
      writeFileSync(file, 'id,server,database\nacme,one.example,acme-db\n');
      const args = {
        'prepare-registry': [],
        'grant-identity': ['one.example', 'acme-db'],
        'add-tenants': [file],
      };
      const { status, stderr, calls } = run(script, args[script as keyof typeof args], {});
      expect(status).toBe(2);
      expect(stderr).toContain('MULTI_OUTBOX_REGISTRY is not set');
      expect(calls.filter((call) => !call.startsWith('azd'))).toEqual([]);
    },
  );
});
