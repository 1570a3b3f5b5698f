/** `multi-outbox init`, from the packed package: each project is installed, and passes its own tests and its own lint. */
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { InstalledProject } from '../support/installed-project.ts';
import { packedPackage } from '../support/packed-package.ts';

// npm installs the packages, those of the function app too.
jest.setTimeout(600_000);

let project: InstalledProject;
beforeEach(() => {
  project = new InstalledProject();
  project.clear('*');
});
afterEach(() => project.remove());

const init = (...args: string[]) =>
  project.node(path.join(packedPackage().folder, 'dist/cli.js'), 'init', ...args);
const files = () =>
  readdirSync(project.folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(project.folder, path.join(entry.parentPath, entry.name)));
const npm = (...args: string[]) => project.run('npm', args);
const silently = (...args: string[]) => npm('run', '--silent', ...args);

async function expectOwnTestsPass(tests: number): Promise<void> {
  expect(await project.install('npm')).toMatchObject({ code: 0 });
  expect(await npm('test')).toEqual({
    code: 0,
    output: expect.stringMatching(new RegExp(`pass ${tests}\\b`)),
  });
  expect(await silently('lint')).toEqual({ code: 0, output: expect.stringMatching(/No fixes applied/) });
}

test('a local project on SQLite passes its tests and its lint, and its first message is dispatched', async () => {
  expect(await init()).toMatchObject({ code: 0, output: expect.stringContaining('npm install && npm test') });
  await expectOwnTestsPass(3);
  expect(await silently('tenant', '--', 'acme')).toMatchObject({ code: 0 });
  expect(await silently('enqueue', '--', 'Ann')).toEqual({ code: 0, output: '' });
  const tick = await project.node(
    ...['node_modules/multi-outbox/dist/cli.js', 'tick', '--handlers', 'src/handlers.ts', '--json'],
  );
  expect(tick).toMatchObject({ code: 0, output: expect.stringContaining('acme welcomes Ann') });
  expect((await silently('status')).output).toMatch(/acme/);
});

test('a local project on SQL Server passes its tests and its lint', async () => {
  expect(await init('.', '--database', 'sqlserver')).toMatchObject({ code: 0 });
  await expectOwnTestsPass(3);
  const manifest = JSON.parse(readFileSync(project.file('package.json'), 'utf8'));
  expect(manifest.dependencies.mssql).toBe('12.7.14');
});

test('a function app passes its tests and its lint, and is built', async () => {
  expect(await init('--host', 'azure')).toMatchObject({ code: 0 });
  await expectOwnTestsPass(4);
  expect(await silently('build')).toEqual({ code: 0, output: '' });
});

test('a project in a folder of its own has the folder’s name', async () => {
  const { code, output } = await init('My Shop!', '--json');
  expect(code).toBe(0);
  expect(JSON.parse(output)).toMatchObject({ database: 'sqlite', host: 'local' });
  expect(JSON.parse(readFileSync(project.file('My Shop!/package.json'), 'utf8')).name).toBe('my-shop-');
});

test('it overwrites nothing: with a file in the way it writes none, and names the file', async () => {
  mkdirSync(project.file('shop/src'), { recursive: true });
  writeFileSync(project.file('shop/src/handlers.ts'), 'mine');
  symlinkSync('nowhere', project.file('shop/biome.json'));
  const { code, output } = await init('shop');
  expect([code, output]).toEqual([
    2,
    'error: init overwrites nothing, and shop has biome.json, src/handlers.ts already; name another folder, or remove them.\n',
  ]);
  expect(files()).toEqual([path.join('shop', 'src', 'handlers.ts')]);
  writeFileSync(project.file('other'), 'a file');
  for (const folder of ['other', 'other/shop']) {
    const refused = { code: 2, output: `error: ${folder} is not a folder; name another one.\n` };
    expect(await init(folder)).toEqual(refused);
  }
  expect(files().sort()).toEqual(['other', path.join('shop', 'src', 'handlers.ts')]);
});

test('a function app on SQLite is refused', async () => {
  const { code, output } = await init('--host', 'azure', '--database', 'sqlite');
  expect([code, output]).toEqual([2, expect.stringContaining('--host azure needs --database sqlserver')]);
  expect(files()).toEqual([]);
});
