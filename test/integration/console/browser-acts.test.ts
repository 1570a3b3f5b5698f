/** S3, S4: acts in a real browser: with the count first, and typed where they cannot be undone. */
import { DatabaseSync } from 'node:sqlite';
import { browserPath, ConsoleBrowser } from '../../support/console-browser.ts';
import { consoleFleet, markup } from '../../support/console-fleet.ts';
import { deferred } from '../../support/deferred.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';

if (browserPath === undefined)
  test.skip('SKIPPED: there is no Chromium here; install it (apt-get install chromium) or name it in CHROMIUM', () => {});
else
  describe('in a real browser', () => {
    jest.setTimeout(120_000);
    const place = new SqlitePlace();
    const browser = new ConsoleBrowser();
    beforeAll(() => browser.start());
    afterAll(() => browser.stop());

    test('S3: dead messages are found, seen, replayed, edited and discarded, and the audit has each act', async () => {
      const { multiOutbox } = await consoleFleet(place.folder);
      try {
        const { page, complaints } = await browser.open(multiOutbox);
        // From the pulse: two clicks to the groups of errors, with their remedy.
        await page.getByRole('listitem').filter({ hasText: 'dead messages' }).getByRole('link').click();
        await page.getByRole('heading', { name: /The receiver refused invoice <n>: <n>/ }).waitFor();
        await page.getByRole('heading', { name: '<img src=x onerror=<text>>' }).waitFor();

        await page.getByRole('link', { name: 'globex' }).click();
        await page.getByText('41 messages on this page').waitFor();
        await page.locator('main tbody tr').first().getByRole('checkbox').check();
        await page.getByRole('button', { name: 'Replay', exact: true }).click();
        await page.getByRole('dialog').getByText('1 message of globex').waitFor();
        await page.getByRole('dialog').getByRole('button', { name: 'Replay', exact: true }).click();
        await page.getByText('1 message due now.').waitFor();
        await page.getByRole('button', { name: 'Close' }).click();
        await page.getByText('40 messages on this page').waitFor();

        // What cannot be undone is typed.
        await page.getByRole('checkbox', { name: 'Choose all of this page' }).check();
        await page.getByRole('button', { name: 'Discard', exact: true }).click();
        const confirm = page.getByRole('dialog').getByRole('button', { name: 'Discard', exact: true });
        expect(await confirm.isDisabled()).toBe(true);
        await page.getByRole('dialog').getByRole('textbox').fill('discard 40');
        expect(await confirm.isDisabled()).toBe(false);
        await page.getByRole('button', { name: 'Leave it' }).click();

        await page.locator('main tbody tr').first().getByRole('link').click();
        await page.getByText('••••').waitFor();
        await page.getByRole('button', { name: /^Show/ }).click();
        await page.getByText('"number": 10').waitFor();
        await page.getByRole('textbox', { name: 'New payload' }).fill('{"number":5}');
        await page.getByRole('button', { name: 'Replace the message' }).click();
        await page.getByRole('dialog').getByText('{"number":5}').waitFor();
        await page.getByRole('dialog').getByRole('button', { name: 'Replace the message' }).click();
        await page.getByText('No schema has checked it.').waitFor();
        await page.getByRole('button', { name: 'Close' }).click();
        await page.getByText('ready', { exact: true }).waitFor();

        await page.getByRole('link', { name: 'Errors', exact: true }).click();
        const group = page.locator('section.group').filter({ hasText: 'refused invoice' });
        await group.getByRole('button', { name: 'Count and discard dead…' }).click();
        await page.getByRole('button', { name: 'discard 39' }).click();
        await page.getByRole('dialog').getByRole('textbox').fill('discard 39');
        await page.getByRole('dialog').getByRole('button', { name: 'discard 39' }).click();
        await page.getByRole('button', { name: 'Close' }).click();
        await page.getByText('39 changed of 39 counted').waitFor();

        await page.getByRole('link', { name: 'Audit', exact: true }).click();
        await page.locator('main tbody tr').first().waitFor();
        const acts = await page.locator('main tbody tr td .badge').allInnerTexts();
        expect(acts).toEqual(
          expect.arrayContaining(['replay', 'payload-show', 'edit', 'operation-start', 'operation-resume']),
        );
        expect(complaints).toEqual([]);
      } finally {
        await browser.clear();
        await multiOutbox.close();
      }
    });

    test('S3: a tenant gets values of its own, and what is typed is not lost to a poll', async () => {
      const { multiOutbox } = await consoleFleet(place.folder);
      try {
        const { page, complaints } = await browser.open(multiOutbox);
        await page.getByRole('heading', { level: 1, name: 'Pulse' }).waitFor();
        await page.goto(`${page.url().replace(/\/$/, '')}/tenants/hostile`);
        const button = page.getByRole('button', { name: 'Change the overrides' });
        const batchSize = page.getByRole('textbox', { name: 'Batch size' });
        await batchSize.fill('9999');
        await page.waitForResponse((response) => response.url().endsWith('/api/tenants/hostile'));
        expect(await batchSize.inputValue()).toBe('9999');
        const dialog = page.getByRole('dialog');
        const confirm = dialog.getByRole('button', { name: 'Change the overrides' });
        await button.click();
        await dialog.getByText('Batch size: as the fleet → 9999').waitFor();
        await confirm.click();
        await dialog.getByRole('alert').getByText('outside its bounds').waitFor();
        await page.getByRole('button', { name: 'Leave it' }).click();
        await batchSize.fill('25');
        await page.getByRole('textbox', { name: 'Idle ceiling' }).fill('5m');
        await button.click();
        await confirm.click();
        await dialog.getByText('Changed.').waitFor();
        await page.getByRole('button', { name: 'Close' }).click();
        await button.and(page.locator('button:disabled')).waitFor();
        expect((await multiOutbox.tenants.get('hostile')).overrides).toEqual({
          batchSize: 25,
          idleCeilingMs: 300_000,
        });
        // The browser itself logs the answer 422.
        expect(complaints.filter((each) => !each.includes('422'))).toEqual([]);
      } finally {
        await browser.clear();
        await multiOutbox.close();
      }
    });

    test('S4: the dialog of an act stays until it says what was done: neither Escape, a button nor a key leaves it', async () => {
      const { multiOutbox } = await consoleFleet(place.folder);
      try {
        const { page, complaints } = await browser.open(multiOutbox);
        await page.getByRole('heading', { level: 1, name: 'Pulse' }).waitFor();
        await page.goto(`${page.url().replace(/\/$/, '')}/tenants/hostile`);
        const answer = deferred();
        await page.route('**/api/tenants/hostile/pause', async (route) => {
          await answer.promise;
          await route.continue();
        });
        const dialog = page.getByRole('dialog');
        const pause = page.locator('main').getByRole('button', { name: 'Pause', exact: true });
        await pause.click();
        await page.keyboard.press('Escape');
        await dialog.waitFor({ state: 'hidden' });
        await pause.click();
        await dialog.getByRole('button', { name: 'Pause', exact: true }).click();
        await dialog.getByRole('button', { name: 'Working…' }).waitFor();
        expect(await dialog.getByRole('button', { name: 'Leave it' }).isDisabled()).toBe(true);
        for (const key of ['Escape', 'Escape', 'Escape', 'g', 't', '?']) await page.keyboard.press(key);
        expect(page.url()).toMatch(/\/tenants\/hostile$/);
        answer.resolve();
        await dialog.getByRole('status').waitFor();
        expect((await multiOutbox.tenants.get('hostile')).status).toBe('paused');
        await page.keyboard.press('Escape');
        await dialog.waitFor({ state: 'hidden' });
        await page.locator('main').getByRole('button', { name: 'Resume', exact: true }).waitFor();
        expect(complaints).toEqual([]);
      } finally {
        await browser.clear();
        await multiOutbox.close();
      }
    });

    test('S4: an act that gets no answer says that it is not known whether it was done, and its dialog can be left', async () => {
      const { multiOutbox } = await consoleFleet(place.folder);
      try {
        const { page, complaints } = await browser.open(multiOutbox);
        await page.getByRole('heading', { level: 1, name: 'Pulse' }).waitFor();
        // A minute of the page's patience lasts as long as a test can wait.
        const content =
          'const { timeout } = AbortSignal; AbortSignal.timeout = (ms) => timeout.call(AbortSignal, ms / 300)';
        await page.addInitScript({ content });
        const base = page.url().replace(/\/$/, '');
        let isSilent = true;
        await page.route(
          /\/api\/(operations-on-tenants|operations\/.*\/run|tenants\/hostile\/pause)$/,
          (route) =>
            !isSilent && route.request().url().endsWith('-on-tenants') ? route.continue() : undefined,
        );
        await page.goto(`${base}/tenants/hostile`);
        const dialog = page.getByRole('dialog');
        await page.locator('main').getByRole('button', { name: 'Pause', exact: true }).click();
        await dialog.getByRole('button', { name: 'Pause', exact: true }).click();
        await dialog
          .getByRole('alert')
          .getByText(/^No answer for 2 minutes; it is not known/)
          .waitFor();
        await dialog.getByRole('button', { name: 'Leave it' }).click();
        await dialog.waitFor({ state: 'hidden' });

        await page.goto(`${base}/tenants`);
        await page.getByRole('checkbox', { name: 'Choose hostile' }).check();
        await page.getByRole('button', { name: 'Pause 1' }).click();
        await dialog.getByRole('button', { name: 'Pause 1' }).click();
        await dialog
          .getByRole('alert')
          .getByText(/^No answer for 10 minutes; it is not known/)
          .waitFor();
        // The operation was stored, and cannot begin: its page offers that.
        isSilent = false;
        await dialog.getByRole('button', { name: 'Pause 1' }).click();
        await page.getByText('pause 1 tenant of 1 that were chosen. counted').waitFor();
        await page.getByRole('button', { name: 'pause 1' }).waitFor();
        expect((await multiOutbox.tenants.get('hostile')).status).toBe('active');
        expect(complaints).toEqual([]);
      } finally {
        await browser.clear();
        await multiOutbox.close();
      }
    });

    test('S4: who may only look sees no act and no payload, and an address wakes no database by itself', async () => {
      const { multiOutbox } = await consoleFleet(place.folder);
      try {
        const { page, complaints } = await browser.open(multiOutbox, { rights: ['look'] });
        await page.getByRole('heading', { level: 1, name: 'Pulse' }).waitFor();
        const base = page.url().replace(/\/$/, '');
        const asked: string[] = [];
        page.on('request', (request) => asked.push(request.url()));
        await page.goto(`${base}/tenants/hostile/messages/outbox?state=dead`);
        await page.getByText('This reads the database of hostile').waitFor();
        expect(asked.filter((url) => url.includes('/api/tenants/hostile/messages'))).toEqual([]);
        await page.getByRole('button', { name: 'Read now' }).click();
        await page.locator('main tbody tr').getByRole('link').click();
        await page.getByText('You may not see payloads.').waitFor();
        await page.getByText(markup).first().waitFor();
        expect(await page.getByRole('button', { name: /Replay|Cancel|Discard|Show/ }).count()).toBe(0);
        expect(await page.title()).not.toBe('attacked');
        expect(complaints).toEqual([]);
      } finally {
        await browser.clear();
        await multiOutbox.close();
      }
    });

    test('S3: pause and resume, cancel and discard, and operations that are stopped, run and gone on with', async () => {
      const { multiOutbox } = await consoleFleet(place.folder);
      try {
        const { page, complaints } = await browser.open(multiOutbox);
        await page.getByRole('heading', { level: 1, name: 'Pulse' }).waitFor();
        const base = page.url().replace(/\/$/, '');
        const dialog = page.getByRole('dialog');
        /** Clicks a button, says yes, and closes what says what was done. */
        const act = async (name: string, { typed, done }: { typed?: string; done: string | RegExp }) => {
          await page.locator('main').getByRole('button', { name, exact: true }).click();
          if (typed !== undefined) await dialog.getByRole('textbox').fill(typed);
          await dialog.getByRole('button', { name, exact: true }).click();
          await dialog.getByRole('status').filter({ hasText: done }).waitFor();
          await dialog.getByRole('button', { name: 'Close' }).click();
        };
        const read = async (address: string) => {
          await page.goto(`${base}${address}`);
          await page.getByRole('button', { name: 'Read now' }).click();
        };

        await page.goto(`${base}/tenants/hostile`);
        await act('Pause', { done: 'It is paused.' });
        await act('Resume', { done: /^It is active/ });

        await read('/tenants/globex/messages/outbox?state=dead&errorText=refused');
        await page.getByText('41 messages on this page').waitFor();
        const rows = page.locator('main tbody tr');
        for (const row of [0, 1]) await rows.nth(row).getByRole('checkbox').check();
        await act('Cancel', { typed: 'cancel 2', done: '2 messages cancelled.' });
        await page.getByText('39 messages on this page').waitFor();
        await rows.first().getByRole('checkbox').check();
        await act('Discard', { typed: 'discard 1', done: '1 message deleted.' });
        await page.getByText('38 messages on this page').waitFor();

        // All that match the search, also those of other pages.
        await page.getByText('all such messages whose error contains “refused” of 1 tenant').waitFor();
        await page.getByRole('button', { name: 'Count and replay dead…' }).click();
        await page.getByRole('button', { name: 'replay 38' }).waitFor();
        await act('Stop', { done: 'It is cancelled: 0 messages changed.' });
        await page.getByText('cancelled', { exact: true }).waitFor();
        await read('/tenants/globex/messages/outbox?state=dead&errorText=refused');
        await page.getByRole('button', { name: 'Count and cancel dead…' }).click();
        await act('cancel 38', { typed: 'cancel 38', done: /^It is (running|done)/ });
        await page.getByText('38 changed of 38 counted').waitFor();

        // Ready messages come all the time, so all of them are no set to act on.
        await read('/tenants/globex/messages/outbox?state=ready&topic=invoices');
        expect(await page.getByRole('button', { name: /^Count and/ }).count()).toBe(0);

        // A tenant that fails is tried again.
        const { operation } = await multiOutbox.operations.create({
          act: 'replay',
          filter: { topic: markup.slice(0, 100), states: ['dead'] },
          tenants: ['hostile'],
        });
        const hostile = place.file('tenants/hostile.db');
        change(hostile, 'ALTER TABLE Outbox RENAME TO Hidden');
        await page.goto(`${base}/operations/${operation.id}`);
        const label = `replay ${operation.counted}`;
        await act(label, { done: /^It is/ });
        await page.getByText(/^hostile: /).waitFor();
        change(hostile, 'ALTER TABLE Hidden RENAME TO Outbox');
        await act('Try the failed ones again', { done: /^It is/ });
        await page.getByText(/^hostile: /).waitFor({ state: 'hidden' });
        await page.getByText(`${operation.counted} changed of`).waitFor();

        await page.getByRole('link', { name: 'Audit', exact: true }).click();
        await page.locator('main tbody tr').first().waitFor();
        const acts = new Set(await page.locator('main tbody tr td .badge').allInnerTexts());
        for (const name of ['tenant-pause', 'tenant-resume', 'cancel', 'discard', 'operation-cancel'])
          expect([name, acts.has(name)]).toEqual([name, true]);
        expect(await page.title()).not.toBe('attacked');
        expect(complaints).toEqual([]);
      } finally {
        await browser.clear();
        await multiOutbox.close();
      }
    });
  });

/** What only a broken world does to a database. */
function change(file: string, sql: string): void {
  const database = new DatabaseSync(file, { timeout: 5_000 });
  database.exec(sql);
  database.close();
}
