// Checks that the site's search finds every page: each document by its title and its text, and each page of the reference.
import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { unzipSync } from 'node:zlib';

const site = path.resolve(process.argv[2]);
const file = path.join(site, 'assets/search.js');

/** TypeDoc writes `window.searchData = "…"`: the rows and the index of Lunr, as compressed JSON in Base64. */
function searchData() {
  const [, data] =
    (existsSync(file) ? readFileSync(file, 'utf8') : '').match(/^window\.searchData = "([^"]*)"/) ?? [];
  return data === undefined ? undefined : JSON.parse(unzipSync(Buffer.from(data, 'base64')).toString());
}

const missing = [];
const data = searchData();
const pages = globSync('{documents,modules,classes,functions,interfaces,types,variables}/*.html', {
  cwd: site,
}).map((page) => page.split(path.sep).join('/'));
const rows = new Map((data?.rows ?? []).map(({ url }, nth) => [decodeURIComponent(url), nth]));
/** A row that has text in a field has a vector of it. */
const vectors = new Set(
  (data?.index.fieldVectors ?? []).flatMap(([name, terms]) => (terms.length > 0 ? [name] : [])),
);
for (const page of pages) {
  const nth = rows.get(page);
  if (nth === undefined || !vectors.has(`name/${nth}`)) missing.push(`${page} is not found by its name`);
  else if (page.startsWith('documents/') && !vectors.has(`document/${nth}`))
    missing.push(`${page} is not found by its text`);
}
if (data === undefined) missing.push(`${file} has no search index`);
if (pages.length === 0) missing.push(`${site} has no pages`);
for (const line of missing) console.error(line);
console.log(`${pages.length} pages, ${missing.length} not found by the search`);
process.exitCode = missing.length === 0 ? 0 : 1;
