import { spawnSync } from 'node:child_process';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { blockOf, blocksOf, documents, promised, root, UserProject } from '../support/documents.ts';
import { testWithShell } from '../support/platform.ts';
import { answering, startReceiver } from './handlers/receiver.ts';

const blocks = documents.flatMap(blocksOf);
/** The blocks that run on the embedded engine, in the order of the document. */
const running = (document: string) =>
  blocksOf(document).filter(({ language, name }) => name !== undefined && ['ts', 'sh'].includes(language));

let project: UserProject;

beforeEach(() => {
  project = new UserProject();
});
afterEach(() => project.remove());

test('every block of the documents says that it runs, or why it does not', () => {
  const silent = blocks.filter(
    ({ language, name, reason }) => language !== 'mermaid' && name === undefined && reason === undefined,
  );
  expect(silent.map(({ document, line }) => `${document}:${line}`)).toEqual([]);
  // Every TypeScript block can run.
  expect(blocks.filter(({ language, reason }) => language === 'ts' && reason !== undefined)).toEqual([]);
});

test('every block marked to run is run: here, in readme.test.ts, or in the files named below', () => {
  const named = (language: string) =>
    blocks
      .filter((block) => block.language === language && block.name !== undefined)
      .map(({ document, name }) => `${document} ${name}`);
  const languages = new Set(blocks.filter(({ name }) => name !== undefined).map(({ language }) => language));
  expect([...languages].sort()).toEqual(['bash', 'console', 'js', 'json', 'sh', 'sql', 'ts']);
  const others = {
    bash: ['functions/contracts.test.ts'],
    console: ['troubles.test.ts'],
    js: [
      'pack.test.ts',
      'coming-from.test.ts',
      'sqlserver/coming-from-nservicebus.test.ts',
      'frameworks.test.ts',
    ],
    json: ['docs.test.ts'],
    sql: ['sqlserver/docs.test.ts', 'sqlserver/coming-from.test.ts', 'sqlserver/old-outboxes.ts'],
  };
  for (const [language, files] of Object.entries(others)) {
    const test = files.map((file) => readFileSync(path.join(__dirname, file), 'utf8')).join('');
    const tried = test.matchAll(new RegExp(`blockOf\\('(\\S+)', '${language}', '(\\S+)'\\)`, 'g'));
    expect([...tried].map(([, document, name]) => `${document} ${name}`).sort()).toEqual(
      named(language).sort(),
    );
  }
});

test('every TypeScript block fits the types', () => {
  for (const document of documents) project.write(running(document), document.replaceAll(/\W/g, '-'));
  const options = {
    extends: path.join(root, 'tsconfig.json'),
    compilerOptions: { module: 'NodeNext', moduleResolution: 'NodeNext', types: ['node'] },
    include: ['*/*.ts'],
  };
  writeFileSync(project.file('tsconfig.json'), JSON.stringify(options));
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
  const { stdout } = spawnSync(process.execPath, [tsc, '-p', project.folder], { encoding: 'utf8' });
  expect(stdout).toBe('');
});

/** The declarations that a document assumes before its first block. */
const before: Readonly<Record<string, string>> = {
  'docs/azure-deployment.md': 'multi-outbox tenants add acme',
  'docs/coming-from.md': 'multi-outbox tenants add acme',
  'docs/operations.md': `multi-outbox tenants add acme
    multi-outbox enqueue acme email.send '{"subject":"to nobody"}'
    multi-outbox tick`,
  'docs/sql-server.md': `multi-outbox tenants add acme --no-migrate
    multi-outbox tenants add birch --no-migrate`,
  'docs/strategies.md': 'multi-outbox migrate',
};

/** The id of the only Dead message, where the text has MESSAGE_ID. */
async function withId(code: string): Promise<string> {
  if (!code.includes('MESSAGE_ID')) return code;
  const { stdout } = await project.shell('multi-outbox dead list --all --json');
  const [id] = stdout.match(/[\da-f]{8}-[\da-f-]{27}/)!;
  return code.replaceAll('MESSAGE_ID', id);
}

/** readme.test.ts runs the blocks of README.md. */
const inOrder = documents.filter((document) => document !== 'README.md' && running(document).length > 0);

testWithShell.each(inOrder)('%s: its blocks run in order, and print what they say', async (document) => {
  await project.shell(before[document] ?? '');
  project.write(running(document));
  for (const block of running(document)) {
    const printed = await project.run({ ...block, code: await withId(block.code) });
    if (promised(block).length > 0) expect([block.name, printed]).toEqual([block.name, promised(block)]);
  }
});

/** Has a message with this payload dispatched to a tenant; returns the run's counts. */
async function dispatched(topic: string, payload: string): Promise<unknown> {
  writeFileSync(project.file('payload.json'), payload);
  const { stdout } = await project.shell(`multi-outbox tenants add acme > added
    multi-outbox enqueue acme ${topic} "$(cat payload.json)" > enqueued
    multi-outbox tick --json`);
  return JSON.parse(stdout).runs[0].counts;
}

testWithShell('handlers.md: its mail is written', async () => {
  const { code } = blockOf('docs/handlers.md', 'json', 'mail');
  expect(await dispatched('email.send', code)).toMatchObject({ done: 1 });
  const [mail, ...others] = globSync('.data/**/*.eml', { cwd: project.folder });
  expect(others).toEqual([]);
  expect(readFileSync(project.file(mail!), 'utf8')).toContain('Subject: Order 7');
});

testWithShell('handlers.md: its webhook is posted', async () => {
  await using receiver = await startReceiver(answering(200));
  const { code } = blockOf('docs/handlers.md', 'json', 'webhook');
  project.env.MULTI_OUTBOX_WEBHOOK_ALLOW_PRIVATE = 'true';
  const payload = code.replace('https://hooks.example.com', receiver.origin);
  expect(await dispatched('webhook.post', payload)).toMatchObject({ done: 1 });
  expect(receiver.received).toMatchObject([
    { path: '/orders', body: '{ "order": 7 }', headers: { 'x-source': 'shop' } },
  ]);
});

test('strategies.md: its fleet is simulated, a hundredth of it', async () => {
  writeFileSync(project.file('fleet.json'), blockOf('docs/strategies.md', 'json', 'scenario').code);
  const scheduleModel = path.join(root, 'bench/schedule-model/main.ts');
  const { stdout } = await project.node(
    ...[scheduleModel, 'fleet.json', '--scale', '0.01', '--duration', '10m', '--json'],
  );
  expect(JSON.parse(stdout)).toMatchObject({
    title: 'ours, next year',
    strategy: 'deadline',
    classes: [
      { name: 'shops', tenants: 30 },
      { name: 'asleep', tenants: 200 },
    ],
  });
});
