/**
 * The product is the package that `npm pack` makes from a fresh clone: the tests inspect it, install it and use it as
 * users do.
 */
import { execFile } from 'node:child_process';
import { cpSync, existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { blockOf, root } from '../support/documents.ts';
import {
  type Ended,
  InstalledProject,
  type PackageManager,
  packageManagers,
} from '../support/installed-project.ts';
import { packedPackage } from '../support/packed-package.ts';

const run = promisify(execFile);
const tool = (file: string) => path.join(root, 'node_modules', file);
/** Windows has backslashes. */
const slashed = (file: string) => file.split(path.sep).join('/');

jest.setTimeout(600_000);

let packed: ReturnType<typeof packedPackage>;
beforeAll(() => {
  packed = packedPackage();
});

describe('the package', () => {
  test('its types are right for every way to resolve them, and its files are what their formats say', async () => {
    const attw = await run(process.execPath, [tool('@arethetypeswrong/cli/dist/index.js'), packed.tarball]);
    expect(attw.stdout).toContain('No problems found');
    const publint = await run(process.execPath, [tool('publint/src/cli.js'), packed.tarball, '--strict']);
    expect(publint.stdout).toContain('All good!');
  });

  test('it brings sql/ and the documents, and no tests', () => {
    const files = globSync('**/*.*', { cwd: packed.folder }).map(slashed);
    expect(files).toEqual(expect.arrayContaining(['sql/tenant/0001-leases.sql', 'docs/quick-start.md']));
    expect(files.filter((file) => /^(test|bench|docs\/generate|dist\/functions)\//.test(file))).toEqual([]);
  });

  test('every link of its documents leads to something that it brings', () => {
    // CONTRIBUTING.md is for those who have a clone.
    const documents = globSync('{*,sql/*,docs/*}.md', { cwd: packed.folder }).filter(
      (file) => file !== 'CONTRIBUTING.md',
    );
    expect(documents).toContain('README.md');
    const broken = documents.flatMap((document) =>
      [...readFileSync(path.join(packed.folder, document), 'utf8').matchAll(/\]\((?!\w+:)([^)#\s]+)/g)]
        .filter(([, file]) => !existsSync(path.join(packed.folder, path.dirname(document), file!)))
        .map(([link]) => `${document}: ${link}`),
    );
    expect(broken).toEqual([]);
  });
});

const names = [...'abcdefghij'].map((letter) => `Ann ${letter}`);
/** Types a first name, a second one after the welcome to the first, ten names at once, and one of them again. */
const typed = [
  { after: /^/, text: 'First\n' },
  { after: /shop welcomes First/, text: 'Second\n' },
  { after: /shop welcomes Second/, text: `${names.join('\n')}\n` },
  { after: /shop welcomes Ann j/, text: 'Second\n' },
  { after: /Second: /, text: '' },
];

function expectWelcomes({ code, output }: Ended): void {
  const lines = output.trimEnd().split('\n');
  expect(lines.filter((line) => line.startsWith('shop welcomes '))).toEqual(
    ['First', 'Second', ...names].map((name) => `shop welcomes ${name}`),
  );
  expect([code, lines.at(-1)]).toEqual([0, 'Second: UNIQUE constraint failed: Users.Name']);
}

const quickStart = () => blockOf('docs/quick-start.md', 'ts', 'shop').code;

/** The quick start's program, written in CommonJS as the quick start says. */
function quickStartInCommonJs(): string {
  const imports = /^(import .*\n)+/;
  const { code } = blockOf('docs/quick-start.md', 'js', 'shop');
  expect(quickStart()).toMatch(imports);
  return quickStart().replace(imports, code).replaceAll(': string', '');
}

describe.each(packageManagers)('installed by %s', (manager: PackageManager) => {
  let project: InstalledProject;
  let installed: Ended;
  beforeAll(async () => {
    project = new InstalledProject();
    installed = await project.install(manager);
  });
  afterEach(() => project.clear('shop.db*'));
  afterAll(() => project.remove());

  test('without a warning, in less than 30 MB and fewer than 40 packages', () => {
    expect(installed).toEqual({
      code: 0,
      output: expect.not.stringMatching(/^warning|\bwarn\b|\bpeer|➤ YN0(00[2-9]|086)/im),
    });
    const { packages, bytes } = project.installed();
    expect(packages).toContainEqual(expect.stringMatching(/^multi-outbox@/));
    expect(packages.length).toBeLessThan(40);
    expect(bytes).toBeLessThan(30_000_000);
  });

  test('the quick start runs, as TypeScript', async () => {
    project.write('shop.mts', quickStart());
    expectWelcomes(await project.type(['--experimental-strip-types', 'shop.mts'], typed));
  });

  test('the quick start welcomes every piped name before it ends', async () => {
    project.write('shop.mts', quickStart());
    const piped = [{ after: /^/, text: names.map((name) => `${name}\n`).join('') }];
    expect(await project.type(['--experimental-strip-types', 'shop.mts'], piped)).toEqual({
      code: 0,
      output: names.map((name) => `shop welcomes ${name}\n`).join(''),
    });
  });

  test('the quick start runs, as CommonJS', async () => {
    project.write('shop.cjs', quickStartInCommonJs());
    expectWelcomes(await project.type(['shop.cjs'], typed));
  });

  test('a fleet with a registry in a file is woken, and dispatched', async () => {
    project.write('fleet.cjs', fleet);
    expect(await project.node('fleet.cjs')).toEqual({ code: 0, output: 'welcome Ann\n' });
  });
});

/**
 * A registry in a file. After its first run the tenant is not due, so the wake writes to the registry, and brings what it
 * wrote to the disk.
 */
const fleet = `const { createMultiOutbox, defineHandler } = require('multi-outbox');
  const handlers = [defineHandler({ topic: 'welcome', handle: ({ payload }) => console.log('welcome', payload) })];
  (async () => {
    const multiOutbox = createMultiOutbox({ registry: 'sqlite:fleet/registry.db', handlers });
    await multiOutbox.migrate();
    await multiOutbox.tenants.add({ id: 'shop' });
    await multiOutbox.migrate();
    await multiOutbox.tick();
    await multiOutbox.outbox('shop').enqueue({ topic: 'welcome', payload: 'Ann' });
    await multiOutbox.wake('shop');
    await multiOutbox.tick();
    await multiOutbox.close();
  })();`;

describe('in a project', () => {
  let project: InstalledProject;
  beforeAll(async () => {
    project = new InstalledProject();
    expect(await project.install('npm')).toMatchObject({ code: 0 });
  });
  afterAll(() => project.remove());

  const compiled = (file: string, module: string) => {
    const compilerOptions = {
      ...{ strict: true, skipLibCheck: false, target: 'es2022', lib: ['es2023'], module, outDir: 'compiled' },
      ...{ types: ['node'], typeRoots: [tool('@types')] },
    };
    project.write('tsconfig.json', JSON.stringify({ compilerOptions, files: [file] }));
    return project.node(tool('typescript/bin/tsc'), '-p', '.');
  };

  test('the quick start, compiled to CommonJS, runs', async () => {
    project.write('shop.ts', quickStart());
    expect(await compiled('shop.ts', 'node16')).toEqual({ code: 0, output: '' });
    expect(readFileSync(project.file('compiled/shop.js'), 'utf8')).toContain('require("multi-outbox")');
    expectWelcomes(await project.type(['compiled/shop.js'], typed));
  });

  test.each(['mts', 'cts'])('every entry has types and values, from .%s', async (kind) => {
    const entries = ['', '/functions', '/handlers', '/sources', '/testing'].map(
      (entry) => `multi-outbox${entry}`,
    );
    const imports = entries.map((entry, index) => `import * as entry${index} from '${entry}';`);
    const list = `[${entries.map((_, index) => `entry${index}`).join(', ')}]`;
    // The function app's dependencies are not installed, so this entry is only compiled.
    const text = `${imports.join('\n')}\nexport const all: object[] = ${list};\n`;
    project.write(`entries.${kind}`, text);
    expect(await compiled(`entries.${kind}`, 'nodenext')).toEqual({ code: 0, output: '' });
  });

  test('it works within Jest, in CommonJS', async () => {
    project.write(
      'jest/shop.test.js',
      `const { createMultiOutbox, defineHandler } = require('multi-outbox');
      const { runHandler } = require('multi-outbox/testing');
      const { emailSend, webhookPost } = require('multi-outbox/handlers');
      test('a message is dispatched', async () => {
        const handle = jest.fn();
        const handlers = [defineHandler({ topic: 'welcome', handle }), webhookPost({ allowPrivateAddresses: false })];
        const tenants = [{ id: 'shop', database: ${JSON.stringify(project.file('jest.db'))} }];
        const multiOutbox = createMultiOutbox({ tenants, handlers });
        await multiOutbox.migrate();
        await multiOutbox.outbox('shop').enqueue({ topic: 'welcome', payload: 'Ann' });
        await multiOutbox.tick();
        expect(handle.mock.calls).toMatchObject([[{ payload: 'Ann' }, { tenant: { id: 'shop' } }]]);
        expect((await multiOutbox.status()).totals).toMatchObject({ done: 1 });
        await multiOutbox.close();
      });
      test('a handler runs by itself, in a test', async () => {
        const { status } = await runHandler(defineHandler({ topic: 'welcome', handle() {} }), 'Ann');
        expect(status).toBe('done');
      });
      test('the error names the missing package', async () => {
        const mail = { to: 'ann@example.com', subject: 's', text: 't' };
        const outcome = await runHandler(emailSend({ folder: 'mails' }), mail);
        expect(JSON.stringify(outcome)).toContain('npm install nodemailer');
      });`,
    );
    const config = JSON.stringify({ rootDir: project.file('jest'), transform: {} });
    const { code, output } = await project.node(tool('jest/bin/jest.js'), '--config', config);
    expect([code, output]).toEqual([0, expect.stringContaining('3 passed')]);
  });

  const script = (text: string) => project.node('-e', text);

  test('PACKAGE_MISSING names the command that installs the package', async () => {
    const failing = (call: string) =>
      script(`(async () => { ${call} })().catch(({ code, message }) => console.log(code, message))`);
    const missing = (names: string) =>
      expect.stringMatching(new RegExp(`^PACKAGE_MISSING .*install it: npm install ${names}\n$`));
    const functions = await failing(`require('multi-outbox/functions')`);
    expect(functions.output).toEqual(missing('@azure/functions'));
    const mssql = await failing(
      `await require('multi-outbox').createMultiOutbox({ registry: 'mssql://sql.example.com/registry' }).status()`,
    );
    expect(mssql.output).toEqual(missing('mssql@\\d[.\\d]*'));
    const otlp = await failing(
      `await require('multi-outbox').exportTelemetry('shop', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' })`,
    );
    expect(otlp.output).toEqual(missing('@opentelemetry/exporter-metrics-otlp-proto .*'));
    const insights = await failing(
      `await require('multi-outbox').exportTelemetry('shop', { APPLICATIONINSIGHTS_CONNECTION_STRING: 'InstrumentationKey=0' })`,
    );
    expect(insights.output).toEqual(missing('applicationinsights @opentelemetry/resources'));
  });

  test('import and require load the same library', async () => {
    const { output } = await script(`const required = require('multi-outbox');
      import('multi-outbox').then((imported) => {
        const names = Object.keys(required).filter((name) => name !== '__esModule');
        console.log(names.length > 20 && names.every((name) => imported[name] === required[name]));
      })`);
    expect(output).toBe('true\n');
  });

  const exporting: Readonly<Record<string, string>> = {
    cjs: 'module.exports =',
    // An ES module as compilers emit it in CommonJS.
    js: "Object.defineProperty(exports, '__esModule', { value: true }); exports.default =",
    mjs: 'export default',
  };
  const cli = (...args: string[]) => project.node('node_modules/multi-outbox/dist/cli.js', ...args);

  test.each([
    ['cjs', 'this one', `const { defineHandler, PermanentError } = require('multi-outbox');`],
    ['mjs', 'this one', `import { defineHandler, PermanentError } from 'multi-outbox';`],
    ['js', 'this one', `const { defineHandler, PermanentError } = require('multi-outbox');`],
    ['cjs', 'another', `const { defineHandler, PermanentError } = require('./other/dist/index.js');`],
    ['mjs', 'another', `import { defineHandler, PermanentError } from './other/dist/esm/index.js';`],
  ])(
    'handlers in .%s of %s copy of the library are taken, and their PermanentError is Dead',
    async (kind, _, imports) => {
      cpSync(packed.folder, project.file('other'), { recursive: true });
      const handlers =
        "[defineHandler({ topic: 'refused', handle() { throw new PermanentError('no good'); } })]";
      project.write(`handlers.${kind}`, `${imports}\n${exporting[kind]} ${handlers};`);
      await cli('tenants', 'add', 'acme');
      await cli('enqueue', 'acme', 'refused', 'x');
      const { output } = await cli('tick', '--handlers', `handlers.${kind}`, '--json');
      // The log has a line about the failed attempt.
      expect(JSON.parse(output.split('\n')[0]!).runs).toMatchObject([
        { tenantId: 'acme', counts: { dead: 1 } },
      ]);
    },
  );

  test('an error of another copy of the library is recognised', async () => {
    cpSync(packed.folder, project.file('other'), { recursive: true });
    const { output } = await script(`const { isMultiOutboxError } = require('multi-outbox');
      const { MultiOutboxError } = require('./other/dist/index.js');
      const error = new MultiOutboxError('CLOSED', 'closed');
      const like = Object.assign(new Error('closed'), { code: 'CLOSED' });
      console.log(isMultiOutboxError(error, 'CLOSED'), isMultiOutboxError(error, 'ABORTED'), isMultiOutboxError(like))`);
    expect(output).toBe('true false false\n');
  });
});
