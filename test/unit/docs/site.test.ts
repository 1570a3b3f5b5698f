/** The documentation site (docs/site): its checks of links and of the search, and that it takes every document. `npm run site` makes it. */
import { spawnSync } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { deflateSync } from 'node:zlib';
import packageJson from '../../../package.json' with { type: 'json' };
import { root } from '../../support/documents.ts';

const folder = path.join(root, 'docs/site');

let site: string;
beforeEach(() => {
  site = mkdtempSync(path.join(tmpdir(), 'multi-outbox-site-'));
});
afterEach(() => rmSync(site, { recursive: true, force: true }));

function check(pages: Readonly<Record<string, string>>, program = 'check-links.mjs') {
  for (const [name, text] of Object.entries(pages)) {
    mkdirSync(path.dirname(path.join(site, name)), { recursive: true });
    writeFileSync(path.join(site, name), text);
  }
  const { status, stdout, stderr } = spawnSync(process.execPath, [path.join(folder, program), site], {
    encoding: 'utf8',
  });
  return { status, said: stdout.trimEnd(), broken: stderr.split('\n').filter(Boolean) };
}

test('a site whose links all have targets passes', () => {
  expect(
    check({
      'index.html':
        '<a href="guides/a%20b.html#x&amp;y"> <a href="#top" id="top"> <a href="https://example.com/gone">',
      'guides/a b.html': '<h1 id="x&y"><a href="..">',
    }),
  ).toEqual({ status: 0, said: '2 pages, 3 links, 0 broken', broken: [] });
});

test('a link to a page, an anchor or an image that is missing is named with its page', () => {
  const pages = {
    'a.html': '<a href="b.html#there"> <a href="b.html#gone"> <a href="c.html"> <img src="d.svg">',
    'b.html': '<p id="there">',
  };
  const { status, broken } = check(pages);
  expect([status, broken]).toEqual([1, ['a.html: b.html#gone', 'a.html: c.html', 'a.html: d.svg']]);
});

test('a site without pages is refused', () => {
  expect(check({}).status).toBe(1);
});

/** The file of the search, as TypeDoc writes it. @param vectors the field and the row of each text that is indexed */
const searchFile = (urls: string[], vectors: string[]) => {
  const index = { fieldVectors: vectors.map((vector) => [vector, [0, 1]]) };
  const data = JSON.stringify({ rows: urls.map((url) => ({ url })), index });
  return `window.searchData = "${deflateSync(data).toString('base64')}";`;
};
const searched = { 'documents/a.html': '<p>', 'functions/src.b.html': '<p>' };

test('a site whose search finds every page passes', () => {
  const search = searchFile(['functions/src.b.html', 'documents/a.html'], ['name/0', 'name/1', 'document/1']);
  expect(check({ ...searched, 'assets/search.js': search }, 'check-search.mjs')).toEqual({
    status: 0,
    said: '2 pages, 0 not found by the search',
    broken: [],
  });
});

test('a page that the search does not find is named; a site without a search is refused', () => {
  const search = searchFile(['documents/a.html'], ['name/0']);
  const { status, broken } = check({ ...searched, 'assets/search.js': search }, 'check-search.mjs');
  expect([status, broken.sort()]).toEqual([
    1,
    ['documents/a.html is not found by its text', 'functions/src.b.html is not found by its name'],
  ]);
  const without = check({ 'assets/search.js': '' }, 'check-search.mjs');
  expect(without).toMatchObject({
    status: 1,
    broken: expect.arrayContaining([expect.stringMatching(/assets.search\.js has no search index$/)]),
  });
});

test('it has every document and every entry point of the package', () => {
  const { entryPoints, projectDocuments } = JSON.parse(
    readFileSync(path.join(folder, 'typedoc.json'), 'utf8'),
  );
  const from = (files: string[]) => globSync(files, { cwd: folder }).map((file) => path.join(folder, file));
  const taken = from(projectDocuments);
  const documents = globSync(['docs/*.md', '*.md', 'sql/README.md', 'examples/*/README.md'], { cwd: root });
  expect(documents.filter((file) => file !== 'README.md' && !taken.includes(path.join(root, file)))).toEqual(
    [],
  );
  const entries = Object.values(packageJson.exports).filter((entry) => typeof entry === 'object');
  expect(from(entryPoints)).toHaveLength(entries.length);
});
