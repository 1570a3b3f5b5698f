/** S4: ids that are none, in a real browser: another program has stored them, and no address leads to their tenants. */
import { browserPath, ConsoleBrowser } from '../../support/console-browser.ts';
import { addHostile } from '../../support/console-fleet.ts';
import { FleetPlace } from '../../support/fleet-place.ts';

if (browserPath === undefined)
  test.skip('SKIPPED: there is no Chromium here; install it (apt-get install chromium) or name it in CHROMIUM', () => {});
else
  describe('in a real browser', () => {
    jest.setTimeout(120_000);
    const place = new FleetPlace();
    const browser = new ConsoleBrowser();
    beforeAll(() => browser.start());
    afterEach(() => browser.clear());
    afterAll(() => browser.stop());

    test('S4: a tenant whose id fits no address is shown without a link, and does not stop the checks of the others', async () => {
      const face = await place.fleet(['acme', 'globex', 'initech']);
      place.connection('registry.db').exec(`UPDATE Tenants SET Id = 'Odd, <b>"' WHERE Id = 'globex'`);
      await addHostile(face, place.file('registry.db'));
      const { page, complaints } = await browser.open(face);
      await page.getByRole('heading', { level: 1, name: 'Pulse' }).waitFor();
      const base = page.url().replace(/\/$/, '');
      for (const path of ['/tenants', '/plans']) {
        await page.goto(`${base}${path}`);
        await page.getByRole('link', { name: 'acme' }).waitFor();
        await page.getByText('Odd, <b>"').waitFor();
        expect([path, await page.getByRole('link', { name: 'Odd' }).count()]).toEqual([path, 0]);
      }
      await page.goto(`${base}/doctor`);
      await page.getByRole('button', { name: 'Check the registry and 3 tenants' }).click();
      await page.getByText('4 of 4 databases checked').waitFor();
      expect(complaints).toEqual([]);
    });
  });
