// Opens the site's pages in a browser, as it is served: the console must stay silent, nothing may come from elsewhere, and the
// search must find a word. Without a browser it says so; in CI that is an error.
import { existsSync, globSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';

const site = path.resolve(process.argv[2]);
const word = 'lease';
const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const browserPath = [process.env.CHROMIUM ?? '', ...places].find((file) => file !== '' && existsSync(file));

const types = { '.html': 'text/html', '.css': 'text/css', '.js': 'text/javascript', '.svg': 'image/svg+xml' };

/** Each document, and one page of each kind of the reference. */
function pagesToOpen() {
  const pages = globSync('**/*.html', { cwd: site }).map((page) => page.split(path.sep).join('/'));
  const kinds = new Set();
  return pages.sort().filter((page) => {
    const kind = path.posix.dirname(page);
    if (kind === '.' || kind === 'documents' || !kinds.has(kind)) {
      kinds.add(kind);
      return true;
    }
    return false;
  });
}

/** @returns {Promise<import('node:http').Server>} */
function served() {
  const server = createServer((request, response) => {
    // Browsers ask for it whether a page names it or not.
    if (request.url === '/favicon.ico') return response.writeHead(204).end();
    const file = path.join(site, decodeURIComponent(new URL(request.url, 'http://site').pathname));
    if (!file.startsWith(site) || !existsSync(file)) return response.writeHead(404).end();
    response.writeHead(200, { 'content-type': types[path.extname(file)] ?? 'application/octet-stream' });
    response.end(readFileSync(file));
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

async function complaintsOf(pages, origin) {
  const { chromium } = await import('playwright-core');
  const browser = await chromium.launch({ executablePath: browserPath, args: ['--no-sandbox'] });
  const complaints = [];
  try {
    const page = await browser.newPage();
    let opened = '';
    const complain = (what) => complaints.push(`${opened}: ${what}`);
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complain(message.text());
    });
    page.on('pageerror', (error) => complain(error.message));
    page.on('request', (request) => {
      const url = request.url();
      if (!url.startsWith(origin) && !url.startsWith('data:')) complain(`it requests ${url}`);
    });
    page.on('response', (response) => {
      if (response.status() >= 400) complain(`${response.status()} for ${response.url()}`);
    });
    for (opened of pages) {
      await page.goto(`${origin}/${opened}`);
      if ((await page.locator('h1').count()) === 0) complain('it has no heading');
    }
    opened = 'index.html';
    await page.goto(`${origin}/${opened}`);
    await page.locator('#tsd-search-trigger').click();
    await page.locator('#tsd-search-input').fill(word);
    const found = page.locator('#tsd-search-results a');
    await found
      .first()
      .waitFor({ timeout: 10_000 })
      .catch(() => {});
    if ((await found.count()) === 0) complain(`its search does not find '${word}'`);
  } finally {
    await browser.close();
  }
  return complaints;
}

if (browserPath === undefined) {
  console.error('No page was opened: there is no Chromium; set CHROMIUM to its path.');
  process.exitCode = process.env.CI ? 1 : 0;
} else {
  const pages = pagesToOpen();
  const server = await served();
  const complaints = await complaintsOf(pages, `http://127.0.0.1:${server.address().port}`);
  server.close();
  if (pages.length === 0) complaints.push(`${site} has no pages`);
  for (const line of new Set(complaints)) console.error(line);
  console.log(`${pages.length} pages opened, ${complaints.length} complaints`);
  process.exitCode = complaints.length === 0 ? 0 : 1;
}
