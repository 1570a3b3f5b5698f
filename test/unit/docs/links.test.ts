import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { settingDescriptions } from '../../../src/settings.ts';

const root = path.join(__dirname, '../../..');
const documents = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'SECURITY.md',
  'sql/README.md',
  ...globSync(['examples/*/README.md', 'docs/*.md'], { cwd: root }).map((file) =>
    file.split(path.sep).join('/'),
  ),
];
const read = (document: string) => readFileSync(path.join(root, document), 'utf8');

/** The anchors that forges derive from headings. */
function anchorsOf(document: string): string[] {
  return [...read(document).matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

test('every link between documents has a target', () => {
  const broken = documents.flatMap((document) =>
    [...read(document).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)/g)]
      .filter(([, file, anchor]) => {
        const target = file === '' ? document : path.join(path.dirname(document), file!);
        if (!existsSync(path.join(root, target))) return true;
        return anchor !== undefined && !anchorsOf(target).includes(anchor);
      })
      .map(([link]) => `${document}: ${link}`),
  );
  expect(broken).toEqual([]);
});

test('every document is linked from another', () => {
  const linked = documents.flatMap((document) =>
    [...read(document).matchAll(/\]\((?!https?:)([^)#\s]+)/g)].map(([, file]) =>
      path.join(path.dirname(document), file!),
    ),
  );
  expect(documents.filter((document) => document !== 'README.md' && !linked.includes(document))).toEqual([]);
});

test('every variable that the documents name is a setting', () => {
  const known = new Set(settingDescriptions.map(({ variable }) => variable));
  const unknown = documents.flatMap((document) =>
    [...read(document).matchAll(/`(MULTI_OUTBOX_\w+)/g)]
      .filter(
        ([, variable]) =>
          !variable!.endsWith('_') && !variable!.startsWith('MULTI_OUTBOX_TEST_') && !known.has(variable!),
      )
      .map(([, variable]) => `${document}: ${variable}`),
  );
  expect(unknown).toEqual([]);
});
