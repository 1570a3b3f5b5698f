// Checks that every link of the site's pages leads to a file of the site, and to an anchor that this file has.
import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

const site = path.resolve(process.argv[2]);
const pages = globSync('**/*.html', { cwd: site }).map((file) => path.join(site, file));
const texts = new Map(pages.map((page) => [page, readFileSync(page, 'utf8')]));
const anchors = new Map(
  [...texts].map(([page, text]) => [
    page,
    new Set([...text.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id)),
  ]),
);
const decoded = (text) => decodeURIComponent(text.replaceAll('&amp;', '&'));

const broken = [];
let checked = 0;
for (const [page, text] of texts) {
  for (const [, link] of text.matchAll(/\s(?:href|src)="([^"]*)"/g)) {
    if (/^(?:[a-z]+:|\/\/)/i.test(link)) continue;
    checked++;
    const [, file, anchor] = link.match(/^([^#?]*)(?:\?[^#]*)?(?:#(.*))?$/);
    let target = file === '' ? page : path.resolve(path.dirname(page), decoded(file));
    if (existsSync(target) && statSync(target).isDirectory()) target = path.join(target, 'index.html');
    const isThere =
      existsSync(target) && (!anchor || !anchors.get(target) || anchors.get(target).has(decoded(anchor)));
    if (!isThere) broken.push(`${path.relative(site, page)}: ${link}`);
  }
}
if (pages.length === 0) broken.push(`${site} has no pages`);
for (const line of new Set(broken)) console.error(line);
console.log(`${pages.length} pages, ${checked} links, ${broken.length} broken`);
process.exitCode = broken.length === 0 ? 0 : 1;
