/** S3, S4: acts in a real browser: with the count first, and typed where they cannot be undone. */
import { browserPath, ConsoleBrowser } from '../../support/console-browser.ts';
import { consoleFleet, markup } from '../../support/console-fleet.ts';
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
        await page.getByRole('button', { name: 'Replay' }).click();
        await page.getByRole('dialog').getByText('1 message of globex').waitFor();
        await page.getByRole('dialog').getByRole('button', { name: 'Replay' }).click();
        await page.getByText('1 message due now.').waitFor();
        await page.getByRole('button', { name: 'Close' }).click();
        await page.getByText('40 messages on this page').waitFor();

        // What cannot be undone is typed.
        await page.getByRole('checkbox', { name: 'Choose all of this page' }).check();
        await page.getByRole('button', { name: 'Discard' }).click();
        const confirm = page.getByRole('dialog').getByRole('button', { name: 'Discard' });
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
        await group.getByRole('button', { name: 'Count and discard…' }).click();
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
  });
