import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { blocksOf, documents, promised, root, UserProject } from '../support/documents.ts';

const blocks = documents.flatMap(blocksOf);
const running = (document: string) => blocksOf(document).filter(({ name }) => name !== undefined);

let project: UserProject;

beforeEach(() => {
  project = new UserProject();
});
afterEach(() => project.remove());

test('every TypeScript block of README.md and docs/ says that it runs', () => {
  const silent = blocks.filter(({ language, name }) => language === 'ts' && name === undefined);
  expect(silent.map(({ document, line }) => `${document}:${line}`)).toEqual([]);
});

test('every TypeScript block fits the types', () => {
  for (const document of documents) project.write(running(document), path.basename(document, '.md'));
  const options = {
    extends: path.join(root, 'tsconfig.json'),
    compilerOptions: { paths: { 'multi-outbox': [path.join(root, 'src/index.ts')] }, types: ['node'] },
    include: ['*/*.ts'],
  };
  writeFileSync(project.file('tsconfig.json'), JSON.stringify(options));
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
  const { stdout } = spawnSync(process.execPath, [tsc, '-p', project.folder], { encoding: 'utf8' });
  expect(stdout).toBe('');
});

/** What README.md shows is tried in readme.test.ts. */
const inOrder = documents.filter((document) => document !== 'README.md' && running(document).length > 0);

test.each(inOrder)('%s: its blocks run in order, and print what they say', async (document) => {
  project.write(running(document));
  for (const block of running(document)) {
    const printed = await project.run(block);
    if (promised(block).length > 0) expect([block.name, printed]).toEqual([block.name, promised(block)]);
  }
});
