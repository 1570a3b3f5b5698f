/** The documentation site (docs/site): its check of links, and that it takes every document. `npm run site` makes it. */
import { spawnSync } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import packageJson from '../../../package.json' with { type: 'json' };
import { root } from '../../support/documents.ts';

const folder = path.join(root, 'docs/site');

let site: string;
beforeEach(() => {
  site = mkdtempSync(path.join(tmpdir(), 'multi-outbox-site-'));
});
afterEach(() => rmSync(site, { recursive: true, force: true }));

function check(pages: Readonly<Record<string, string>>) {
  for (const [name, text] of Object.entries(pages)) {
    mkdirSync(path.dirname(path.join(site, name)), { recursive: true });
    writeFileSync(path.join(site, name), text);
  }
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [path.join(folder, 'check-links.mjs'), site],
    {
      encoding: 'utf8',
    },
  );
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
