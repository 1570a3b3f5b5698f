/** S1 to S4: twelve troubles, each found and remedied from the pulse by as many clicks as docs/console.md says. */
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Locator, Page } from 'playwright-core';
import { browserPath, ConsoleBrowser } from '../../support/console-browser.ts';
import { type ConsoleFleet, consoleFleet } from '../../support/console-fleet.ts';
import { documentTable } from '../../support/document-table.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';
import { moveTimes } from '../../support/sqlite-times.ts';

type Find = (page: Page) => Locator;
interface Trouble {
  /** What is clicked until the cause is on the screen. */
  readonly finding: readonly Find[];
  /** What then says what is wrong, where, or since when. */
  readonly shown: readonly Find[];
  /** What is clicked for the remedy; absent where the remedy is not in the console. */
  readonly remedy?: readonly (Find | ((page: Page) => Promise<unknown>))[];
  readonly done?: Find;
}

const finding =
  (text: RegExp): Find =>
  (page) =>
    page.getByRole('listitem').filter({ hasText: text }).getByRole('link');
const link =
  (name: string | RegExp): Find =>
  (page) =>
    page
      .locator('main')
      .getByRole('link', { name, exact: typeof name === 'string' })
      .first();
const pageLink =
  (name: string): Find =>
  (page) =>
    page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name, exact: true });
const button =
  (name: string | RegExp): Find =>
  (page) =>
    page.locator('main').getByRole('button', { name }).first();
const confirm =
  (name: string): Find =>
  (page) =>
    page.getByRole('dialog').getByRole('button', { name, exact: true });
const text =
  (what: string | RegExp): Find =>
  (page) =>
    page.getByText(what).first();
const told: Find = (page) => page.getByRole('dialog').getByRole('status');
/** Steps that are no clicks. */
const typing = new Set<unknown>();
function type(name: string, value: string) {
  const step = (page: Page) => page.getByRole('textbox', { name }).last().fill(value);
  typing.add(step);
  return step;
}
const wake = [button('Wake'), confirm('Wake')];
/** The latest hour's cell under "Handler p50", if it has 20 ms or more. */
const slowHandler: Find = (page) =>
  page
    .getByRole('region', { name: 'Table: History by hour' })
    .getByRole('row')
    .nth(1)
    .getByRole('cell')
    .nth(8)
    .filter({ hasText: /^([2-9]\d|\d{3}) ms$/ });

const troubles: Readonly<Record<string, Trouble>> = {
  'a handler throws': {
    finding: [finding(/^Handlers fail/), link('initech')],
    shown: [text('connect ECONNREFUSED'), text('Failing topics')],
  },
  'a tenant is unreachable': {
    finding: [link('tyrell')],
    shown: [text('DATABASE_MISSING'), text('there is no database file')],
    remedy: wake,
    done: told,
  },
  'a poison message': {
    finding: [finding(/dead messages/), link('an example')],
    shown: [text('The receiver refused invoice')],
    remedy: [
      button(/^Show/),
      type('New payload', '{"number":5}'),
      button('Replace the message'),
      confirm('Replace the message'),
    ],
    done: text('No schema has checked it.'),
  },
  'a parked topic': {
    finding: [finding(/topics without a handler/)],
    shown: [text('Parked: no handler takes them'), link('umbrella')],
  },
  'a stuck ordering key': {
    finding: [finding(/^Handlers fail/), link('messages of stark')],
    shown: [text('ready, blocked'), text('connect ECONNREFUSED')],
    remedy: [
      (page) => page.getByRole('row', { name: /ECONNREFUSED/ }).getByRole('checkbox'),
      button('Run now'),
      confirm('Run now'),
    ],
    done: told,
  },
  'a lease of a host that hangs': {
    finding: [link('initech'), link('Leases…')],
    shown: [text('a host that hangs'), text('held')],
    remedy: [
      (page) => page.getByRole('row', { name: /nightly report/ }).getByRole('button', { name: 'Release' }),
      confirm('Release'),
    ],
    done: text('a host that hangs had it; it is free now.'),
  },
  'a clock is off': {
    finding: [pageLink('Doctor'), button(/^Check the registry and/)],
    shown: [
      text(/^22 of 22 databases checked/),
      (page) => page.getByRole('row', { name: /^sterling/ }).getByText(/clock was set back by 2h or more/),
    ],
  },
  'a disk is full': {
    finding: [link('cyberdyne')],
    shown: [text('DATABASE_FULL'), text('the disk is full')],
    remedy: wake,
    done: told,
  },
  'a wrong password': {
    finding: [link('bluth')],
    shown: [text('LOGIN_REFUSED'), text('Login failed')],
    remedy: wake,
    done: told,
  },
  'plans are late': {
    finding: [],
    shown: [text(/^No plan for \d+ min/)],
  },
  'a slow handler': {
    finding: [link('globex')],
    shown: [slowHandler],
    remedy: [type('Concurrency', '4'), button('Change the overrides'), confirm('Change the overrides')],
    done: text('Changed.'),
  },
  'a flood': {
    finding: [link(/^Due messages/)],
    shown: [(page) => page.getByRole('row', { name: /wayne.*40,000/ })],
    remedy: [link('wayne'), button('Pause'), confirm('Pause')],
    done: told,
  },
};

if (browserPath === undefined)
  test.skip('SKIPPED: there is no Chromium here; install it (apt-get install chromium) or name it in CHROMIUM', () => {});
else
  describe('in a real browser', () => {
    jest.setTimeout(120_000);
    const folder = new (class extends SqlitePlace {
      override async clear() {}
      end = () => super.clear();
    })();
    const browser = new ConsoleBrowser();
    let fleet: ConsoleFleet;
    beforeAll(async () => {
      fleet = await consoleFleet(folder.folder);
      await fleet.multiOutbox
        .leases('initech')
        .acquire('nightly report', { durationMs: '1h', owner: 'a host that hangs' });
      await fleet.multiOutbox
        .outbox('globex')
        .enqueue(Array.from({ length: 150 }, () => ({ topic: 'reports', payload: {} })));
      await fleet.multiOutbox.wake('globex');
      await fleet.multiOutbox.tick();
      moveTimes(path.join(folder.folder, 'tenants', 'sterling.db'), 180 * 60_000);
      writeTroubles(fleet.registryFile);
      await browser.start();
    });
    afterEach(() => browser.clear());
    afterAll(async () => {
      await browser.stop();
      await fleet?.multiOutbox.close();
      await folder.end();
    });

    test.each(Object.entries(troubles))(
      'S3, S4: %s',
      async (_, { finding: clicks, shown, remedy = [], done }) => {
        const { page, complaints } = await browser.open(fleet.multiOutbox);
        await page.getByRole('heading', { level: 1, name: 'Pulse' }).waitFor();
        for (const find of clicks) await find(page).click();
        for (const find of shown) await find(page).waitFor();
        for (const step of remedy) {
          const found = step(page);
          await (found instanceof Promise ? found : found.click());
        }
        await done?.(page).waitFor();
        expect(complaints).toEqual([]);
      },
    );

    test('the numbers of clicks are those of the document', () => {
      const clicksOf = ({ finding: clicks, remedy }: Trouble) => [
        String(clicks.length),
        remedy === undefined ? '–' : String(remedy.filter((step) => !typing.has(step)).length),
      ];
      const documented = documentTable('docs/console.md', 'trouble', 'find', 'remedy', 'how');
      expect(documented.map(([name, found, remedied]) => [name, found, remedied])).toEqual(
        Object.entries(troubles).map(([name, trouble]) => [name, ...clicksOf(trouble)]),
      );
    });
  });

/** What only a broken world writes: the console shows what the registry says. */
function writeTroubles(registryFile: string): void {
  const registry = new DatabaseSync(registryFile, { timeout: 5_000 });
  const failing = registry.prepare(
    `UPDATE Tenants SET FailureStreak = 3, LastOutcome = 'failed', LastErrorCode = ?, LastError = ?, LastErrorUtc = LastRunUtc WHERE Id = ?`,
  );
  failing.run('DATABASE_FULL', 'the disk is full; make room, no message is lost meanwhile', 'cyberdyne');
  failing.run('LOGIN_REFUSED', 'Login failed for user dispatcher', 'bluth');
  registry.exec(
    `UPDATE Tenants SET OutboxState = json_set(OutboxState, '$.due', 40000, '$.ready', 40000), Backlog = 1 WHERE Id = 'wayne'`,
  );
  registry.prepare('UPDATE RegistryState SET LastPlanUtc = ?').run(Date.now() - 24.5 * 60_000);
  registry.close();
}
