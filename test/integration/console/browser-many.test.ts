/** S3, S4: 10,000 tenants in a real browser: the table, and acts on chosen ones and on all that match. */
import { violations } from '../../support/axe.ts';
import { browserPath, ConsoleBrowser } from '../../support/console-browser.ts';
import { addHostile } from '../../support/console-fleet.ts';
import { FleetPlace } from '../../support/fleet-place.ts';
import { addManyTenants } from '../../support/many-tenants.ts';

if (browserPath === undefined)
  test.skip('SKIPPED: there is no Chromium here; install it (apt-get install chromium) or name it in CHROMIUM', () => {});
else
  describe('in a real browser', () => {
    jest.setTimeout(300_000);
    const place = new FleetPlace();
    const browser = new ConsoleBrowser();
    beforeAll(() => browser.start());
    afterEach(() => browser.clear());
    afterAll(() => browser.stop());

    test('S3, S4: of 10,000 tenants a page is shown, sorted and filtered; chosen ones, and all that match, are acted on', async () => {
      const face = await place.fleet(['acme']);
      await addHostile(face, place.file('registry.db'));
      addManyTenants(place.file('registry.db'), 9_998);
      const { page, complaints } = await browser.open(face);
      page.setDefaultTimeout(120_000);
      await page.getByRole('link', { name: 'Tenants', exact: true }).click();
      await page.getByRole('heading', { level: 1, name: 'Tenants 10,000' }).waitFor();
      const rows = page.locator('main tbody tr');
      const ids = () => rows.locator('th').allInnerTexts();
      await page.getByText('100 rows on this page').waitFor();
      expect((await ids()).slice(0, 3)).toEqual(['acme', 'hostile', 't000001']);
      expect(await rows.count()).toBe(100);
      await page.getByRole('link', { name: 'Next 100' }).click();
      await page.getByRole('link', { name: 't000099' }).waitFor();
      expect((await ids())[0]).toBe('t000099');
      expect(await rows.count()).toBe(100);

      await page.getByRole('button', { name: 'Trouble' }).click();
      await page.getByRole('link', { name: 't000006' }).waitFor();
      expect((await ids()).slice(0, 2)).toEqual(['t000006', 't000013']);

      const field = page.getByRole('combobox');
      await field.fill('tag:batch=7');
      await page.getByText('250 match').waitFor();
      await page.getByRole('button', { name: 'Choose all that match' }).click();
      await page.getByText('250 active and 0 paused chosen, of 250 tenants that matched').waitFor();
      expect(await page.getByRole('button', { name: 'Resume 0' }).isDisabled()).toBe(true);

      // What is confirmed begins, and has a page of its own.
      const dialog = page.getByRole('dialog');
      const base = page.url().replace(/\/tenants.*/, '');
      await page.getByRole('button', { name: 'Pause 250' }).click();
      await dialog.getByText('250 active tenants are no longer dispatched').waitFor();
      await dialog.getByText('Its page shows how far it is, and can stop it.').waitFor();
      expect(await violations(page)).toEqual([]);
      await dialog.getByRole('button', { name: 'Pause 250' }).click();
      await page.getByText('pause 250 tenants of 250 that were chosen.').waitFor();
      await page.getByText('250 changed of 250 counted; 250 tenants done of 250').waitFor();
      await page.getByText('done', { exact: true }).waitFor();
      expect(page.url()).toMatch(/\/operations\/[0-9a-f-]{36}$/);
      expect(await page.getByRole('button', { name: /Stop|Go on|again/ }).count()).toBe(0);
      expect(await violations(page)).toEqual([]);

      await page.getByRole('link', { name: 'Tenants', exact: true }).click();
      await field.fill('tag:batch=7 status:paused');
      await page.getByText('250 match').waitFor();
      await page.getByRole('checkbox', { name: 'Choose all of this page' }).check();
      await page.getByText('0 active and 100 paused chosen').waitFor();
      await page
        .getByRole('checkbox', { name: /^Choose t/ })
        .first()
        .uncheck();
      await page.getByRole('button', { name: 'Resume 99' }).click();
      await dialog.getByRole('button', { name: 'Resume 99' }).click();
      await page.getByText('99 changed of 99 counted').waitFor();

      // What somebody else has changed since is left alone.
      await page.getByRole('link', { name: 'Tenants', exact: true }).click();
      await field.fill('tag:batch=7 status:paused');
      await page.getByText('151 match').waitFor();
      await page
        .getByRole('checkbox', { name: /^Choose t/ })
        .first()
        .check();
      const [first] = await ids();
      await page.getByRole('button', { name: 'live' }).click();
      await face.tenants.resume(first!);
      await page.getByRole('button', { name: 'Resume 1' }).click();
      await dialog.getByRole('button', { name: 'Resume 1' }).click();
      await page.getByText('resume 0 tenants of 1 that were chosen.').waitFor();
      await page.getByRole('button', { name: 'paused' }).click();
      await page.getByText('0 changed of 0 counted; 1 tenant done of 1').waitFor();

      // One that an earlier process has left goes on here, and one that was only counted can be begun or stopped.
      const left = await face.operations.create({ act: 'wake', tenants: ['acme', 't000002', 'nobody'] });
      await face.operations.resume(left.operation.id, { signal: AbortSignal.abort() });
      const registry = place.connection('registry.db');
      registry
        .prepare(
          'UPDATE Operations SET UpdatedUtc = UpdatedUtc - 600000, CreatedUtc = CreatedUtc - 600000 WHERE Id = ?',
        )
        .run(left.operation.id);
      await page.goto(`${base}/operations/${left.operation.id}`);
      await page.getByText('No host has worked on it for 10 min').waitFor();
      await page.getByRole('button', { name: 'Go on' }).click();
      await dialog.getByRole('button', { name: 'Go on' }).click();
      await dialog.getByText(/^It is (running|done)/).waitFor();
      await dialog.getByRole('button', { name: 'Close' }).click();
      await page.getByText('2 changed of 2 counted; 2 tenants done of 3').waitFor();
      await page.getByText(/^nobody: There is no tenant/).waitFor();
      await page.getByRole('button', { name: 'Try the failed ones again' }).waitFor();
      expect(await violations(page)).toEqual([]);
      const counted = await face.operations.create({ act: 'wake', tenants: ['acme'] });
      await page.goto(`${base}/operations/${counted.operation.id}`);
      await page.getByRole('button', { name: 'wake 1' }).waitFor();
      await page.getByRole('button', { name: 'Stop' }).click();
      await dialog.getByRole('button', { name: 'Stop' }).click();
      await dialog.getByText('It is cancelled: 0 tenants changed.').waitFor();
      await dialog.getByRole('button', { name: 'Close' }).click();
      await page.getByText('cancelled', { exact: true }).waitFor();

      await page.getByRole('link', { name: 'Operations', exact: true }).first().click();
      const operations = page.locator('main tbody tr');
      await operations.nth(4).waitFor();
      expect((await operations.allInnerTexts()).map((row) => row.split('\t').slice(1, 4))).toEqual([
        ['cancelled', 'wake', '1 tenant'],
        ['done', 'wake', '3 tenants'],
        ['done', 'resume', '1 tenant'],
        ['done', 'resume', '99 tenants'],
        ['done', 'pause', '250 tenants'],
      ]);

      const counts: Record<string, number> = {};
      for (const { act, actor } of await face.messages.audit({ limit: 1_000 }))
        if (actor === 'tester' && act.startsWith('tenant')) counts[act] = (counts[act] ?? 0) + 1;
      expect(counts).toEqual({ 'tenant-pause': 250, 'tenant-resume': 99, 'tenant-wake': 2 });
      expect(await page.title()).not.toBe('attacked');
      expect(complaints).toEqual([]);
    });

    test('S4: one tenant can be taken out of all that match; what an operation did is seen in the table', async () => {
      const ids = ['acme', 'globex', 'initech'];
      const face = await place.fleet(ids);
      for (const id of ids) await face.tenants.pause(id);
      const { page, complaints } = await browser.open(face);
      page.setDefaultTimeout(30_000);
      await page.getByRole('link', { name: 'Tenants', exact: true }).click();
      await page.getByRole('heading', { level: 1, name: 'Tenants 3' }).waitFor();
      await page.getByRole('combobox').fill('status:paused');
      await page.getByRole('button', { name: 'Choose all that match' }).click();
      await page.getByText(/0 active and 3 paused chosen, of 3 tenants that matched as of \d/).waitFor();
      const one = page.getByRole('checkbox', { name: 'Choose globex' });
      await one.uncheck();
      await page.getByText('0 active and 2 paused chosen, of 3 tenants that matched').waitFor();
      await one.check();
      await page.getByText('0 active and 3 paused chosen, of 3 tenants that matched').waitFor();

      const dialog = page.getByRole('dialog');
      await page.getByRole('button', { name: 'Resume 3' }).click();
      await dialog.getByText(/3 tenants matched as of \d/).waitFor();
      await dialog.getByRole('button', { name: 'Resume 3' }).click();
      await page.getByText('3 changed of 3 counted; 3 tenants done of 3').waitFor();
      for (const id of ids) expect((await face.tenants.get(id)).status).toBe('active');
      // Back at the tenants, what is shown is what the operation has made of them.
      await page.getByRole('link', { name: 'Tenants', exact: true }).click();
      await page.getByRole('combobox').fill('status:paused');
      await page.getByText('No tenant matches.').waitFor();
      expect(await page.getByRole('button', { name: /Resume/ }).count()).toBe(0);
      expect(complaints).toEqual([]);
    });

    test('S4: the last page goes back to the first when it has become empty, and not while a dialog asks', async () => {
      const face = await place.fleet(['acme']);
      await face.tenants.pause('acme');
      addManyTenants(place.file('registry.db'), 101);
      const { page, complaints } = await browser.open(face);
      page.setDefaultTimeout(60_000);
      await page.getByRole('link', { name: 'Tenants', exact: true }).click();
      await page.getByRole('link', { name: /^Paused/ }).click();
      await page.getByRole('link', { name: 'Next 100' }).click();
      await page.getByText('2 rows on this page').waitFor();
      await page.getByRole('checkbox', { name: 'Choose all of this page' }).check();
      const dialog = page.getByRole('dialog');
      await page.getByRole('button', { name: 'Resume 2' }).click();
      await dialog.getByRole('button', { name: 'Resume 2' }).waitFor();
      // Somebody else resumes them.
      for (const id of ['t000100', 't000101']) await face.tenants.resume(id);
      await page.getByText('No tenant matches.').waitFor();
      expect(page.url()).toContain('after=');
      await dialog.getByRole('button', { name: 'Leave it' }).click();
      await page.getByText('100 rows on this page').waitFor();
      expect(page.url()).not.toContain('after=');
      expect(complaints).toEqual([]);
    });

    test('S3, S4: overrides of all that match are set and removed, the others stay, and what is left alone is said', async () => {
      const face = await place.fleet(['acme']);
      await addHostile(face, place.file('registry.db'));
      await face.tenants.changeOverrides('acme', { concurrency: 3 });
      addManyTenants(place.file('registry.db'), 260);
      const { page, complaints } = await browser.open(face, { rights: ['look', 'configure'] });
      page.setDefaultTimeout(60_000);
      await page.getByRole('link', { name: 'Tenants', exact: true }).click();
      await page.getByRole('heading', { level: 1, name: 'Tenants 262' }).waitFor();
      expect(await page.getByRole('button', { name: /Wake|Pause|Resume/ }).count()).toBe(0);
      await page.getByRole('button', { name: 'Choose all tenants' }).click();
      await page.getByText('262 active and 0 paused chosen').waitFor();
      await page.getByRole('button', { name: 'Overrides…' }).click();
      const change = page.getByRole('button', { name: 'Change the overrides of 262' });
      expect(await change.isDisabled()).toBe(true);
      await page.getByRole('combobox', { name: 'Batch size' }).selectOption('becomes…');
      await page.getByText('Type the value of batch size.').waitFor();
      expect(await change.isDisabled()).toBe(true);
      const value = page.getByRole('textbox', { name: 'Value of batch size' });
      await value.fill('many');
      await page.getByText('Batch size must be a whole number.').waitFor();
      await value.fill('9999');
      await page.getByRole('combobox', { name: 'Concurrency' }).selectOption('as the fleet');
      expect(await violations(page)).toEqual([]);
      const dialog = page.getByRole('dialog');
      const confirm = dialog.getByRole('button', { name: 'Change the overrides of 262' });
      await change.click();
      await dialog.getByText('262 tenants (262 active, 0 paused) get new values.').waitFor();
      await dialog.getByText('Batch size → 9999').waitFor();
      await dialog.getByText('Concurrency → as the fleet').waitFor();
      await dialog.getByText('Its page shows how far it is, and can stop it.').waitFor();
      expect(await violations(page)).toEqual([]);
      // A value that is refused is refused before any tenant is changed.
      await confirm.click();
      await dialog.getByRole('alert').getByText('batchSize must be a whole number from 1 to 5000').waitFor();
      expect((await face.tenants.get('acme')).overrides).toEqual({ concurrency: 3 });
      await dialog.getByRole('button', { name: 'Leave it' }).click();

      await value.fill('25');
      await face.tenants.changeOverrides('t000001', { batchSize: 25, concurrency: null });
      await face.tenants.remove('t000002');
      await change.click();
      await confirm.click();
      await page.getByText('change the overrides of 260 tenants of 262 that were chosen.').waitFor();
      await page.getByText('Batch size → 25').waitFor();
      await page.getByText('Concurrency → as the fleet').waitFor();
      await page.getByText('260 changed of 260 counted; 261 tenants done of 262').waitFor();
      await page.getByText(/^t000002: Tenant 't000002' is retired/).waitFor();
      await page.getByRole('link', { name: 't000002' }).waitFor();
      expect(await violations(page)).toEqual([]);
      for (const id of ['acme', 'hostile', 't000260'])
        expect((await face.tenants.get(id)).overrides).toEqual({ batchSize: 25 });
      expect((await face.tenants.get('t000002')).overrides).toEqual({ concurrency: 3 });

      // Some of a page; and what is not named stays.
      await page.getByRole('link', { name: 'Tenants', exact: true }).click();
      await page.getByRole('checkbox', { name: 'Choose acme' }).check();
      await page.getByRole('button', { name: 'Overrides…' }).click();
      await page.getByRole('combobox', { name: 'Idle ceiling' }).selectOption('becomes…');
      await page.getByRole('textbox', { name: 'Value of idle ceiling' }).fill('never');
      await page.getByRole('button', { name: 'Change the overrides of 1' }).click();
      await dialog.getByRole('button', { name: 'Change the overrides of 1' }).click();
      await page.getByText('1 changed of 1 counted').waitFor();
      expect((await face.tenants.get('acme')).overrides).toEqual({ batchSize: 25, idleCeilingMs: 'never' });
      expect(await page.title()).not.toBe('attacked');
      // The browser itself logs the answer 422.
      expect(complaints.filter((each) => !each.includes('422'))).toEqual([]);
    });

    test('S4: whoever may only look has nothing to choose', async () => {
      const face = await place.fleet(['acme']);
      await addHostile(face, place.file('registry.db'));
      const { page, complaints } = await browser.open(face, { rights: ['look'] });
      await page.getByRole('link', { name: 'Tenants', exact: true }).click();
      await page.getByRole('link', { name: 'acme' }).waitFor();
      expect(await page.getByRole('checkbox').count()).toBe(0);
      expect(await page.getByRole('button', { name: /Wake|Choose/ }).count()).toBe(0);
      expect(complaints).toEqual([]);
    });
  });
