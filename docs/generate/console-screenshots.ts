// `npm run screenshots` draws the pictures of docs/console.md: the console on a fleet with every kind of trouble, light and
// dark, wide and on a phone. It needs Chromium, and takes a minute. With a folder as its argument it writes PNG files there.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { browserPath, ConsoleBrowser } from '../../test/support/console-browser.ts';
import { consoleFleet } from '../../test/support/console-fleet.ts';
import { addHistory } from './console-history.ts';

/** Each picture: the address, and what to do there until it is worth a look. */
const scenes: readonly [name: string, address: string, show: (page: Page) => Promise<unknown>][] = [
  ['pulse', '/', (page) => page.locator('figure canvas').last().waitFor()],
  ['tenants', '/tenants?sort=dead&desc=true', (page) => page.locator('main tbody tr').first().waitFor()],
  ['tenant', '/tenants/initech', (page) => page.getByRole('heading', { name: 'Last 48 hours' }).waitFor()],
  [
    'errors',
    '/errors?q=globex',
    async (page) => {
      await page.getByRole('button', { name: 'Read now' }).click();
      await page.locator('main section.group').first().waitFor();
    },
  ],
];
const looks = [
  ['light', 'light', { width: 1440, height: 900 }],
  ['dark', 'dark', { width: 1440, height: 900 }],
  ['phone-light', 'light', { width: 390, height: 844 }],
  ['phone-dark', 'dark', { width: 390, height: 844 }],
] as const;

const [pngFolder] = process.argv.slice(2);
const folder = pngFolder ?? 'docs/images/console';
if (browserPath === undefined) {
  console.error('There is no Chromium here; install it (apt-get install chromium), or name it in CHROMIUM.');
  process.exit(1);
}
mkdirSync(folder, { recursive: true });
const place = mkdtempSync(path.join(tmpdir(), 'multi-outbox-screenshots-'));
const browser = new ConsoleBrowser();
const fleet = await consoleFleet(place, { hostile: false });
try {
  addHistory(fleet.registryFile);
  await browser.start();
  for (const [look, colorScheme, viewport] of looks) {
    const { page } = await browser.open(fleet.multiOutbox, { context: { colorScheme, viewport } });
    await page.getByRole('heading', { level: 1, name: 'Pulse' }).waitFor();
    const base = page.url().replace(/\/$/, '');
    for (const [name, address, show] of scenes) {
      await page.goto(`${base}${address}`);
      await show(page);
      const file = path.join(folder, `${name}-${look}`);
      writeFileSync(`${file}.${pngFolder ? 'png' : 'webp'}`, await picture(page));
      console.log(file);
    }
    await browser.clear();
  }
} finally {
  await browser.stop();
  await fleet.multiOutbox.close();
  rmSync(place, { recursive: true, force: true });
}

async function picture(page: Page): Promise<Buffer> {
  await page.evaluate('document.fonts.ready');
  const session = await page.context().newCDPSession(page);
  const format = pngFolder ? ({ format: 'png' } as const) : ({ format: 'webp', quality: 80 } as const);
  const { data } = await session.send('Page.captureScreenshot', format);
  return Buffer.from(data, 'base64');
}
