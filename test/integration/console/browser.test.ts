/** S4: the console in a real browser, on a fleet with every kind of trouble and with a tenant that is all markup. */
import type { Page } from 'playwright-core';
import { violations } from '../../support/axe.ts';
import { browserPath, ConsoleBrowser } from '../../support/console-browser.ts';
import { type ConsoleFleet, consoleFleet, markup } from '../../support/console-fleet.ts';
import { deferred } from '../../support/deferred.ts';
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
    let operationId: string;
    beforeAll(async () => {
      fleet = await consoleFleet(folder.folder);
      const { operation } = await fleet.multiOutbox.operations.create({
        act: 'replay',
        filter: { topic: 'invoices', states: ['dead'] },
        tenants: ['globex'],
      });
      operationId = operation.id;
      await browser.start();
    });
    afterEach(() => browser.clear());
    afterAll(async () => {
      await browser.stop();
      await fleet?.multiOutbox.close();
      await folder.end();
    });

    const heading = (page: Page, text: string | RegExp) =>
      page.getByRole('heading', { level: 1, name: text });

    test('S4: from the pulse to the tenants with dead messages and to one of them, without a complaint', async () => {
      const { page, complaints } = await browser.open(fleet.multiOutbox);
      await page.getByText('42 dead messages in 2 tenants.').waitFor();
      // Each chart is drawn, and has its table.
      for (const title of ['Messages', 'Wait', 'Run']) {
        const chart = page.getByRole('figure', { name: title });
        await chart.locator('canvas').waitFor();
        await chart.getByText(/^Table of/).click();
        await chart.locator('details tbody tr').first().waitFor();
        expect(await chart.locator('details tbody tr').count()).toBe(60);
      }
      // The token is not in the address any more.
      expect(page.url()).not.toContain('token');
      expect(await violations(page)).toEqual([]);

      await page.getByRole('link', { name: /^Dead messages/ }).click();
      await page.getByText('2 match').waitFor();
      expect(page.url()).toMatch(/\/tenants\?q=is%3Adead&sort=dead&desc=true$/);
      const rows = page.locator('main tbody tr');
      expect(await rows.locator('th').allInnerTexts()).toEqual(['globex', 'hostile']);
      expect(await violations(page)).toEqual([]);

      await rows.getByRole('link', { name: 'hostile' }).click();
      await heading(page, /hostile/).waitFor();
      await page.getByText(markup).first().waitFor();
      expect(await violations(page)).toEqual([]);
      expect(await page.title()).toBe('hostile – Multi-outbox');
      await page.goBack();
      await page.getByText('2 match').waitFor();
      expect(complaints).toEqual([]);
    });

    test('S4: the address is the state: filter, sort and page survive a reload and another window', async () => {
      const { page, complaints } = await browser.open(fleet.multiOutbox);
      await page.getByRole('link', { name: 'Tenants', exact: true }).click();
      await page.keyboard.press('/');
      await page.keyboard.type('tag:region=eu');
      await page.getByText('8 match').waitFor();
      await page.getByRole('button', { name: 'Due', exact: true }).click();
      await page
        .getByRole('button', { name: /^Due/ })
        .and(page.locator('[aria-sort=descending] button'))
        .waitFor();
      const address = page.url();
      expect(address).toMatch(/q=tag%3Aregion%3Deu&sort=due&desc=true$/);
      const shown = await page.locator('main tbody th').allInnerTexts();
      await page.reload();
      await page.getByText('8 match').waitFor();
      expect(await page.locator('main tbody th').allInnerTexts()).toEqual(shown);
      const other = await page.context().newPage();
      await other.goto(address);
      await other.getByText('8 match').waitFor();
      expect(await other.locator('main tbody th').allInnerTexts()).toEqual(shown);
      expect(complaints).toEqual([]);
    });

    test('S4: words of the filter are offered, by mouse and by keys', async () => {
      const { page, complaints } = await browser.open(fleet.multiOutbox);
      await page.getByRole('link', { name: 'Tenants', exact: true }).click();
      const field = page.getByRole('combobox');
      await field.fill('is:pa');
      await page.getByRole('option', { name: /^is:parked/ }).waitFor();
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Enter');
      await page.getByText('1 match').waitFor();
      expect(await field.inputValue()).toBe('is:parked ');
      await field.fill('region');
      await page.getByRole('option', { name: /tag:region=us/ }).click();
      await page.waitForURL(/region%3Dus/);
      // A word that the language does not have is explained, and nothing is lost.
      await field.fill('is:nothing');
      await page
        .getByRole('alert')
        .getByText(/'is:' takes failing/)
        .waitFor();
      // The browser itself logs the answer 400.
      expect(complaints.filter((each) => !each.includes('400'))).toEqual([]);
    });

    test('S4: keys lead everywhere, and ? lists them', async () => {
      const { page, complaints } = await browser.open(fleet.multiOutbox);
      await heading(page, 'Pulse').waitFor();
      await page.keyboard.press('g');
      await page.keyboard.press('t');
      await heading(page, /Tenants/).waitFor();
      await page.locator('main tbody tr').first().waitFor();
      await page.keyboard.press('j');
      await page.keyboard.press('j');
      await page.keyboard.press('Enter');
      await heading(page, /aperture/).waitFor();
      await page.keyboard.press('?');
      await page.getByRole('dialog').getByText('pause and resume polling').waitFor();
      expect(await violations(page)).toEqual([]);
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'hidden' });
      expect(complaints).toEqual([]);
    });

    test('S4: the page polls only while it is seen and not paused, and 304 answers have no body', async () => {
      const { page, complaints } = await browser.open(fleet.multiOutbox);
      await page.getByRole('link', { name: 'Tenants', exact: true }).click();
      await page.locator('main tbody tr').first().waitFor();
      const again = await page.waitForResponse((response) => response.url().includes('/api/tenants?'));
      expect(again.status()).toBe(304);
      // The timers of the page are those of a clock that the test moves.
      await page.clock.install();
      await page.reload();
      await page.locator('main tbody tr').first().waitFor();
      const polls: string[] = [];
      page.on('request', (request) => {
        if (request.url().includes('/api/tenants?')) polls.push(request.url());
      });
      const polled = () => page.waitForResponse((response) => response.url().includes('/api/tenants?'));
      const next = polled();
      await page.clock.runFor(6_000);
      await next;
      expect(polls).toHaveLength(1);
      await page.keyboard.press('p');
      await page.getByRole('button', { name: 'paused' }).waitFor();
      await page.clock.runFor(60_000);
      expect(polls).toHaveLength(1);
      const resumed = polled();
      await page.keyboard.press('p');
      await resumed;
      // A page that nobody sees does not poll either.
      const setHidden = (hidden: boolean) =>
        page.evaluate(
          `Object.defineProperty(document, 'hidden', { value: ${hidden}, configurable: true });
           document.dispatchEvent(new Event('visibilitychange'))`,
        );
      await setHidden(true);
      const before = polls.length;
      await page.clock.runFor(60_000);
      expect(polls).toHaveLength(before);
      const seen = polled();
      await setHidden(false);
      await seen;
      expect(complaints).toEqual([]);
    });

    test('S4: a server that has stopped leaves what was read, with its time', async () => {
      const { page } = await browser.open(fleet.multiOutbox);
      await page.getByRole('link', { name: 'Tenants', exact: true }).click();
      await page.locator('main tbody tr').first().waitFor();
      await page.context().setOffline(true);
      await page
        .getByText(/Shown as of .* does not answer/)
        .first()
        .waitFor();
      expect(await page.locator('main tbody tr').count()).toBeGreaterThan(10);
      await page.context().setOffline(false);
      await page.getByRole('button', { name: 'Try again' }).first().click();
      await page
        .getByText(/Shown as of/)
        .first()
        .waitFor({ state: 'hidden' });
    });

    test('S4: an address of a tenant that is markup shows a refusal, not the markup', async () => {
      const { page, complaints } = await browser.open(fleet.multiOutbox);
      await heading(page, 'Pulse').waitFor();
      const base = page.url().replace(/\/$/, '');
      await page.goto(`${base}/tenants/${encodeURIComponent(markup)}`);
      expect(await page.title()).not.toBe('attacked');
      await page.goto(`${base}/tenants?q=${encodeURIComponent(`"${markup.replaceAll('"', '')}`)}`);
      await page.getByText('0 match').or(page.getByRole('alert')).first().waitFor();
      expect(await page.title()).not.toBe('attacked');
      expect(complaints.filter((each) => !/400|404/.test(each))).toEqual([]);
    });

    const lookedAt = [
      ...['/', '/tenants', '/tenants/initech', '/tenants/tyrell', '/tenants/hostile'],
      ...['/topics', '/plans', '/leases?owned=false', '/about', '/operations', '/audit'],
    ];
    /** What touches tenants' databases is read after a click. */
    const clickedFor = [
      ['/errors', 'main section.group'],
      ['/tenants/hostile/messages/outbox?state=dead', 'main table'],
      ['/tenants/initech/leases?owned=false', 'main table'],
    ] as const;

    test.each([
      ['light', { width: 1440, height: 900 }],
      ['dark', { width: 1440, height: 900 }],
      ['light', { width: 390, height: 844 }],
      ['dark', { width: 390, height: 844 }],
    ] as const)(
      'S4: in %s colours at %j, every page has contrast and no sideways scrolling',
      async (colorScheme, viewport) => {
        const { page, complaints } = await browser.open(fleet.multiOutbox, {
          context: { colorScheme, viewport },
        });
        await heading(page, 'Pulse').waitFor();
        const base = page.url().replace(/\/$/, '');
        const check = async (path: string) => {
          expect([path, await violations(page)]).toEqual([path, []]);
          const [inner, width] = (await page.evaluate(
            '[document.documentElement.scrollWidth, window.innerWidth]',
          )) as number[];
          expect([path, inner]).toEqual([path, width]);
        };
        for (const path of lookedAt) {
          await page.goto(`${base}${path}`);
          await page.locator('main section table').first().waitFor();
          await check(path);
        }
        for (const [path, shown] of clickedFor) {
          await page.goto(`${base}${path}`);
          await page.getByRole('button', { name: 'Read now' }).click();
          await page.locator(shown).first().waitFor();
          await check(path);
        }
        await page.goto(`${base}/tenants/hostile/messages/outbox?state=dead`);
        await page.getByRole('button', { name: 'Read now' }).click();
        await page.locator('main tbody').getByRole('link').first().click();
        await page.getByRole('button', { name: /^Show/ }).click();
        await page.getByRole('textbox', { name: 'New payload' }).waitFor();
        await check('a message');
        await page.goto(`${base}/operations/${operationId}`);
        await page.getByText('its acts in the audit').waitFor();
        await check('an operation');
        await page.goto(`${base}/doctor`);
        await page.getByRole('button', { name: /^Check the registry and/ }).click();
        await page.getByText(/^22 of 22 databases checked/).waitFor();
        await page.getByRole('row', { name: /^tyrell problem/ }).waitFor();
        await check('/doctor');
        expect(complaints).toEqual([]);
      },
    );

    test.each(['light', 'dark'] as const)(
      'S4: in %s colours, dialogs and what is read, empty, failed or not found have no violation',
      async (colorScheme) => {
        const { page, complaints } = await browser.open(fleet.multiOutbox, { context: { colorScheme } });
        await heading(page, 'Pulse').waitFor();
        const base = page.url().replace(/\/$/, '');
        const check = async (what: string) => expect([what, await violations(page)]).toEqual([what, []]);

        const held = deferred<'continue' | 'abort'>();
        await page.route('**/api/tenants?*', async (route) => route[await held.promise]());
        await page.goto(`${base}/tenants`);
        await page.getByText('Reading the tenants…').waitFor();
        await check('loading');
        held.resolve('abort');
        await page.getByRole('alert').getByText('does not answer').waitFor();
        await check('failed');
        await page.unroute('**/api/tenants?*');

        for (const [path, text] of [
          ['/tenants?q=nobody', 'No tenant matches.'],
          ['/audit?tenant=zorg', 'Nobody has acted yet.'],
        ] as const) {
          await page.goto(`${base}${path}`);
          await page.getByText(text).waitFor();
          await check(path);
        }
        for (const [path, text] of [
          ['/tenants/acme/messages/outbox?topic=none', 'No message matches.'],
          ['/errors?q=acme', 'No tenant that matches'],
        ] as const) {
          await page.goto(`${base}${path}`);
          await page.getByRole('button', { name: 'Read now' }).click();
          await page.getByText(text).or(page.getByRole('alert')).first().waitFor();
          await check(path);
        }
        // No link leads to it: the server answers such an address itself.
        await page.evaluate(
          `history.pushState({}, '', ${JSON.stringify(`${new URL(base).pathname}/nothing`)}); dispatchEvent(new Event('popstate'))`,
        );
        await heading(page, 'There is no such page').waitFor();
        await check('not found');

        await page.goto(`${base}/tenants/hostile`);
        await page.getByRole('button', { name: 'Pause' }).click();
        await page.getByRole('dialog').getByText('no longer dispatched').waitFor();
        await check('a dialog');
        await page.goto(`${base}/tenants/hostile/messages/outbox?state=dead`);
        await page.getByRole('button', { name: 'Read now' }).click();
        await page.getByRole('checkbox', { name: 'Choose all of this page' }).check();
        await page.getByRole('button', { name: 'Discard', exact: true }).click();
        await page.getByRole('dialog').getByRole('textbox').waitFor();
        await check('a dialog where something is typed');
        // The browser itself logs the request that failed.
        expect(complaints.filter((each) => !each.includes('ERR_FAILED'))).toEqual([]);
      },
    );
  });
