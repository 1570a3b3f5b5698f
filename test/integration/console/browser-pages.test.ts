/** S4: what pages promise, in a real browser: databases only by a click, numbers that agree, addresses, phones. */
import { DatabaseSync } from 'node:sqlite';
import type { Page } from 'playwright-core';
import { browserPath, ConsoleBrowser } from '../../support/console-browser.ts';
import { type ConsoleFleet, consoleFleet } from '../../support/console-fleet.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';

if (browserPath === undefined)
  test.skip('SKIPPED: there is no Chromium here; install it (apt-get install chromium) or name it in CHROMIUM', () => {});
else
  describe('in a real browser', () => {
    jest.setTimeout(300_000);
    const folder = new (class extends SqlitePlace {
      override async clear() {}
      end = () => super.clear();
    })();
    const browser = new ConsoleBrowser();
    let fleet: ConsoleFleet;
    beforeAll(async () => {
      fleet = await consoleFleet(folder.folder);
      await fleet.multiOutbox
        .leases()
        .acquire('nightly report', { durationMs: '1h', owner: 'a host that hangs' });
      await fleet.multiOutbox.operations.create({
        act: 'replay',
        filter: { topic: 'invoices', states: ['dead'] },
        tenants: ['globex'],
      });
      addOperations(fleet.registryFile, 102);
      await browser.start();
    });
    afterEach(() => browser.clear());
    afterAll(async () => {
      await browser.stop();
      await fleet?.multiOutbox.close();
      await folder.end();
    });

    const pageLink = (page: Page, name: string) =>
      page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name, exact: true });
    const groups = (page: Page) => page.locator('main section.group');

    test('S4: a click reads databases and says so; a reload, and Back from elsewhere, ask again', async () => {
      const { page, complaints } = await browser.open(fleet.multiOutbox);
      const asked: string[] = [];
      page.on('request', (request) => {
        if (request.url().includes('/api/errors')) asked.push(request.url());
      });
      await pageLink(page, 'Errors').click();
      await groups(page).first().waitFor();
      await page
        .getByText('Read on request from the databases of the tenants that have dead messages.')
        .waitFor();
      const first = asked.length;
      expect(first).toBe(1);
      const button = page.getByRole('button', { name: 'Read now' });
      await page.reload();
      await button.waitFor();
      expect(await groups(page).count()).toBe(0);
      // Without the memory of the tab, as after a restart of the browser.
      await page.goto('about:blank');
      await page.goBack();
      await button.or(groups(page).first()).first().waitFor();
      await page.reload();
      await button.waitFor();
      expect(asked).toHaveLength(first);
      await button.click();
      await groups(page).first().waitFor();
      expect(asked).toHaveLength(first + 1);
      expect(complaints).toEqual([]);
    });

    test('S4: a group of errors has an address, and going there reads nothing again', async () => {
      const { page, complaints } = await browser.open(fleet.multiOutbox);
      await pageLink(page, 'Errors').click();
      await groups(page).nth(1).waitFor();
      expect(await groups(page).count()).toBe(2);
      const asked: string[] = [];
      page.on('request', (request) => {
        if (request.url().includes('/api/')) asked.push(request.url());
      });
      await page.getByRole('link', { name: 'The receiver refused invoice <n>: <n>' }).click();
      await page.waitForURL(/\/errors\?.*group=[0-9a-f]{12}/);
      await page.getByText('This is one group of errors.').waitFor();
      expect(await groups(page).count()).toBe(1);
      expect(asked).toEqual([]);
      const address = page.url();
      await page.getByRole('link', { name: 'Show all groups' }).click();
      await groups(page).nth(1).waitFor();
      // Somebody else gets the address.
      const other = await page.context().newPage();
      await other.goto(address);
      await other.getByRole('button', { name: 'Read now' }).click();
      await groups(other).getByText('The receiver refused invoice').first().waitFor();
      expect(await groups(other).count()).toBe(1);
      await other.goto(address.replace(/group=\w+/, 'group=000000000000'));
      await other.getByRole('button', { name: 'Read now' }).click();
      await other.getByText('Among what was read there is no such group').waitFor();
      expect(complaints).toEqual([]);
    });

    test('S4: all operations are reached, 100 at a time', async () => {
      const { page, complaints } = await browser.open(fleet.multiOutbox);
      const rows = page.locator('main tbody tr');
      await pageLink(page, 'Operations').click();
      await rows.first().waitFor();
      expect(await rows.count()).toBe(100);
      const seen = await rows.locator('th').allInnerTexts();
      await page.getByRole('link', { name: 'Next 100' }).click();
      await page.getByRole('link', { name: 'First page' }).waitFor();
      await rows.nth(3).waitFor({ state: 'detached' });
      expect(new Set([...seen, ...(await rows.locator('th').allInnerTexts())]).size).toBe(103);
      expect(await page.getByRole('link', { name: 'Next 100' }).count()).toBe(0);
      await page.getByRole('link', { name: 'First page' }).click();
      await rows.nth(99).waitFor();
      expect(complaints).toEqual([]);
    });

    test('S3, S4: of the leases those that are taken are shown, then all; what a release did stays on the screen', async () => {
      const leases = fleet.multiOutbox.leases();
      await leases.acquire('monthly report', { durationMs: '1h', owner: 'another host' });
      await leases.acquire('was free', { owner: 'another host' });
      await leases.release('was free');
      const { page, complaints } = await browser.open(fleet.multiOutbox);
      await pageLink(page, 'Hosts and leases').click();
      const row = (name: string) => page.getByRole('row', { name: new RegExp(name) });
      await row('monthly report').waitFor();
      expect(await row('was free').count()).toBe(0);
      const dialog = page.getByRole('dialog');
      await row('monthly report').getByRole('button', { name: 'Release' }).click();
      const readAgain = page.waitForResponse(async (response) => {
        if (!response.url().includes('/api/leases?') || response.status() !== 200) return false;
        return !(await response.text()).includes('monthly report');
      });
      await dialog.getByRole('button', { name: 'Release' }).click();
      await readAgain;
      await dialog.getByText('another host had it; it is free now.').waitFor();
      await dialog.getByRole('button', { name: 'Close' }).click();
      await row('monthly report').waitFor({ state: 'hidden' });
      await row('nightly report').waitFor();
      await page
        .getByRole('navigation', { name: 'Which leases' })
        .getByRole('link', { name: 'All', exact: true })
        .click();
      for (const name of ['monthly report', 'was free'])
        await row(name).getByText('free', { exact: true }).waitFor();
      expect(page.url()).toMatch(/\/leases\?owned=false$/);
      expect(complaints).toEqual([]);
    });

    test('S4: Back from the dialog of a release shows the list of before, which goes on being read', async () => {
      const leases = fleet.multiOutbox.leases();
      await leases.acquire('weekly report', { durationMs: '1h', owner: 'another host' });
      await leases.acquire('long free', { owner: 'another host' });
      await leases.release('long free');
      const { page, complaints } = await browser.open(fleet.multiOutbox);
      await pageLink(page, 'Hosts and leases').click();
      const row = (name: string) => page.getByRole('row', { name: new RegExp(name) });
      const dialog = page.getByRole('dialog');
      const which = page.getByRole('navigation', { name: 'Which leases' });
      await row('weekly report').waitFor();
      await which.getByRole('link', { name: 'All', exact: true }).click();
      await row('long free').waitFor();
      await row('weekly report').getByRole('button', { name: 'Release' }).click();
      await dialog.waitFor();
      await page.goBack();
      await dialog.waitFor({ state: 'hidden' });
      await row('weekly report').waitFor();
      await row('long free').waitFor({ state: 'hidden' });
      await leases.release('weekly report');
      await row('weekly report').waitFor({ state: 'hidden' });
      await page.goForward();
      await row('long free').waitFor();
      expect(complaints).toEqual([]);
    });

    test('S4: a number of the pulse is that of the page to which it leads, and every part has its time', async () => {
      const { page, complaints } = await browser.open(fleet.multiOutbox);
      for (const [title, tenants] of [
        ['Failing tenants', ['tyrell']],
        ['Tenants with failing topics', ['globex', 'hostile', 'initech', 'stark']],
        ['Parked messages', ['umbrella']],
      ] as const) {
        const tile = page.getByRole('link', { name: new RegExp(`^${title}`) });
        const value = await tile.locator('.tile-value').innerText();
        await tile.click();
        const matching = page.getByRole('heading', { level: 1, name: `${tenants.length} match` });
        await matching.waitFor();
        expect([title, (await page.locator('main tbody th').allInnerTexts()).sort()]).toEqual([
          title,
          tenants,
        ]);
        if (title !== 'Parked messages') expect([title, value]).toEqual([title, String(tenants.length)]);
        await pageLink(page, 'Pulse').click();
      }
      const due = await page
        .getByRole('link', { name: /^Due tenants/ })
        .locator('.tile-value')
        .innerText();
      await page.getByText('a host that hangs has nightly report').waitFor();
      const began = page.getByRole('region', { name: 'Began to fail in the last 24 hours' });
      for (const topic of ['emails', 'invoices']) await began.getByRole('link', { name: topic }).waitFor();
      for (const heading of [
        /^Throughput and latency.* as of/,
        /^Began to fail.* as of/,
        /^Worst tenants.* as of/,
      ])
        await page.getByRole('heading', { level: 2, name: heading }).waitFor();
      // Without a pointer on it, a chart's legend has its last values.
      const legend = page.getByRole('figure', { name: 'Messages' }).locator('.u-legend .u-value');
      expect((await legend.allTextContents()).slice(0, 3).every((text) => /\d/.test(text))).toBe(true);

      await page.getByRole('link', { name: /^Due tenants/ }).click();
      const facts = page.getByRole('region', { name: 'Last plan' });
      await facts.getByText('Late after').waitFor();
      expect(await facts.locator('div', { hasText: 'Due now' }).locator('dd').innerText()).toBe(due);
      expect(await facts.locator('div', { hasText: 'plan.intervalMs' }).locator('dd').innerText()).toBe(
        '1s (default)',
      );
      await pageLink(page, 'Doctor').click();
      await page.getByRole('button', { name: 'Check the registry', exact: true }).click();
      await page
        .getByRole('status')
        .getByText(/as of \d\d:\d\d:\d\d/)
        .waitFor();
      expect(complaints).toEqual([]);
    });

    test('S4: the printed address opens the console from a page of another site', async () => {
      const { page } = await browser.open(fleet.multiOutbox);
      const printed = await browser.serve(fleet.multiOutbox);
      await page.route('http://chat.example/**', (route) =>
        route.fulfill({ contentType: 'text/html', body: `<a href="${printed}">the console</a>` }),
      );
      await page.goto('http://chat.example/');
      await page.getByRole('link', { name: 'the console' }).click();
      await page.getByText('42 dead messages in 2 tenants.').waitFor();
      expect(page.url()).not.toContain('token');
    });

    test('S4: on a phone, the current page of the navigation is on the screen, and a table says that it goes on', async () => {
      const { page, complaints } = await browser.open(fleet.multiOutbox, {
        context: { viewport: { width: 390, height: 844 } },
      });
      await page.getByRole('heading', { level: 1, name: 'Pulse' }).waitFor();
      const base = page.url().replace(/\/$/, '');
      for (const path of ['/', '/leases', '/audit', '/about']) {
        await page.goto(`${base}${path}`);
        const current = page.locator('nav[aria-label=Pages] [aria-current]');
        await current.waitFor();
        const { x, width } = (await current.boundingBox())!;
        expect([path, x >= 0 && x + width <= 390]).toEqual([path, true]);
      }
      await page.goto(`${base}/tenants`);
      const table = page.getByRole('region', { name: 'Table: Tenants' });
      await table.and(page.locator('[data-more]')).waitFor();
      const id = table.getByRole('link', { name: 'acme', exact: true });
      await page.evaluate(`document.querySelector('main section.scroll').scrollLeft = 10_000`);
      await table.and(page.locator(':not([data-more])')).waitFor();
      // The row's heading stays on the screen; the checkbox before it goes.
      const heading = (await id.boundingBox())!;
      expect([heading.x >= 0, heading.x + heading.width <= 390]).toEqual([true, true]);
      const live = await page.getByRole('button', { name: 'live' }).boundingBox();
      expect(live!.height).toBeGreaterThanOrEqual(24);
      expect(complaints).toEqual([]);
    });

    test('S4: a long topic hides neither the error of a tenant nor which tenants have it', async () => {
      const { page, complaints } = await browser.open(fleet.multiOutbox, {
        context: { viewport: { width: 1280, height: 800 } },
      });
      await page.getByRole('heading', { level: 1, name: 'Pulse' }).waitFor();
      const base = page.url().replace(/\/$/, '');
      for (const [path, table] of [
        ['/tenants/hostile', 'Failing topics'],
        ['/topics', 'Failing topics'],
      ] as const) {
        await page.goto(`${base}${path}`);
        const region = page.getByRole('region', { name: `Table: ${table}` });
        await region.locator('tbody tr').first().waitFor();
        const [inner, outer] = (await page.evaluate(
          `(({ scrollWidth, clientWidth }) => [scrollWidth, clientWidth])(document.querySelector('section[aria-label="Table: ${table}"]'))`,
        )) as number[];
        expect([path, inner]).toEqual([path, outer]);
      }
      expect(complaints).toEqual([]);
    });
  });

/** Copies of the one operation that is stored. */
function addOperations(registryFile: string, many: number): void {
  const registry = new DatabaseSync(registryFile, { timeout: 5_000 });
  const columns = 'Actor, Definition, Counted, State, Runner, CreatedUtc, UpdatedUtc, Progress, Failures';
  registry.exec(
    `WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${many})
     INSERT INTO Operations (Id, ${columns})
     SELECT printf('%08x-0000-4000-8000-000000000000', n), ${columns} FROM numbers, Operations`,
  );
  registry.close();
}
