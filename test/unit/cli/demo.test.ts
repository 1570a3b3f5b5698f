import { lstat, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { customers, expectedMails } from '../../../examples/demo/customers.ts';
import { countMails, damage, demoFolder, emptyFolder } from '../../../examples/demo/folder.ts';
import { type CustomerResult, findProblems } from '../../../examples/demo/result.ts';
import { useDemoSettings } from '../../../examples/demo/settings.ts';
import { loadSettings, unknownVariables } from '../../../src/settings.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'multi-outbox-demo-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('the demo empties only its own folder, and refuses a link', async () => {
  const own = demoFolder(join(folder, 'demo'));
  await emptyFolder(own);
  await writeFile(own.database('acme'), 'old');
  await emptyFolder(own);
  await expect(lstat(own.database('acme'))).rejects.toMatchObject({ code: 'ENOENT' });
  await symlink(own.path, join(folder, 'link'));
  await expect(emptyFolder(demoFolder(join(folder, 'link')))).rejects.toThrow('is not a folder');
});

test('damage keeps only a file’s size', async () => {
  const file = join(folder, 'some.db');
  await writeFile(file, 'SQLite format 3\0'.repeat(100));
  await writeFile(`${file}-wal`, 'log');
  await damage(file);
  const bytes = await readFile(file);
  expect([bytes.length, bytes.includes('SQLite')]).toEqual([1_600, false]);
  await expect(lstat(`${file}-wal`)).rejects.toMatchObject({ code: 'ENOENT' });
  expect(await countMails(join(folder, 'nowhere'))).toBe(0);
});

test('the demo ignores the user’s own settings', () => {
  const env = {
    MULTI_OUTBOX_SMTP_URL: 'smtp://mail.example.com',
    MULTI_OUTBOX_REGISTRY: 'sqlite:real.db',
    PATH: '/bin',
  };
  useDemoSettings({ MULTI_OUTBOX_REGISTRY: 'sqlite:demo.db' }, env);
  expect(unknownVariables(env)).toEqual([]);
  const settings = loadSettings({}, env);
  expect([settings.registry, settings.email.smtpUrl, env.PATH]).toEqual([
    'sqlite:demo.db',
    undefined,
    '/bin',
  ]);
  expect(settings.dispatch.parallelRuns).toBe(2);
});

const good: CustomerResult[] = customers.map((customer) => ({
  customer: customer.id,
  story: customer.story,
  dispatched: expectedMails(customer),
  retried: 0,
  dead: customer.dead ?? 0,
  skipped: 1,
  failedRuns: customer.ruined ? 2 : 0,
  mails: 'mail',
  files: expectedMails(customer),
  error: null,
}));

test('the demo reports each problem', () => {
  expect(findProblems(good)).toEqual([]);
  const worse = (change: (result: CustomerResult) => Partial<CustomerResult>) =>
    findProblems(good.map((result) => ({ ...result, ...change(result) })));
  const only = (id: string, change: Partial<CustomerResult>) =>
    worse(({ customer }) => (customer === id ? change : {}));
  expect(only('acme', { files: 151 })).toEqual(['acme has 151 files for 150 dispatched mails']);
  expect(only('acme', { dispatched: 149, files: 149 })).toEqual(['acme has 149 of 150 mails dispatched']);
  expect(only('cedar', { dead: 0 })).toEqual(['cedar has 0 Dead messages, not 1']);
  expect(only('birch', { failedRuns: 1 })).toEqual(['runs of birch failed']);
  expect(only('ember', { failedRuns: 0 })).toEqual(['no run noticed that the database of ember is ruined']);
  expect(worse(() => ({ skipped: 0 }))).toEqual(['no run was skipped because of the other host’s lease']);
});
