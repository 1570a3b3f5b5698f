import { existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { FleetSummary } from '../../src/engine/fleet-summary.ts';
import type { TenantRecord } from '../../src/engine/registry.ts';
import { type CliFolder, cliFolder } from '../support/cli-process.ts';

let folder: CliFolder;
beforeEach(() => {
  folder = cliFolder();
});
afterEach(() => folder.remove());

interface Status {
  fleet: FleetSummary;
  tenants: TenantRecord[];
  more: boolean;
  examined: number;
  complete: boolean;
}

const status = (...args: string[]) => folder.json<Status>(['status', ...args]);
const ids = ({ tenants }: Status) => tenants.map(({ id }) => id);

test('status shows the fleet, its parked topics and its sums', async () => {
  await folder.json(['tenants', 'add', 'acme', '--idle-ceiling', 'never']);
  await folder.json(['tenants', 'add', 'beta']);
  await folder.json(['tenants', 'pause', 'beta']);
  await folder.json(['enqueue', 'acme', 'nobody.handles', 'x']);
  await folder.json(['tick']);
  const { code, stdout } = await folder.cli(['status']);
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /^Tenant +Status +Due +Last run +Backlog +Streak +Longest wait +Done +Retried +Dead +Parked +Lost +Trouble$/m,
  );
  expect(stdout).toMatch(
    /^acme +active +.* dispatched, .* ago +0 +0 +0 +1 +0 +no handler for nobody\.handles$/m,
  );
  expect(stdout).toMatch(/^beta +paused +never +0/m);
  expect(stdout).toMatch(/^Tenants +1 active, 1 paused, 0 retired; .*\n(.*\n)*Messages +1 parked$/m);
  const { fleet, tenants } = await status();
  expect(fleet).toMatchObject({ tenants: { active: 1, paused: 1, retired: 0 }, totals: { parked: 1 } });
  expect(tenants[0]).toMatchObject({ id: 'acme', schedule: { parkedTopics: ['nobody.handles'] } });
  expect(ids(await status('--parked'))).toEqual(['acme']);
  expect(ids(await status('--status', 'paused'))).toEqual(['beta']);
  expect(ids(await status('--tenant', 'beta', '--tenant', 'acme'))).toEqual(['beta', 'acme']);
});

test('S1: status shows the topics that fail now, since when and why', async () => {
  await folder.json(['tenants', 'add', 'acme']);
  await folder.json(['enqueue', 'acme', 'email.send', '{}']);
  await folder.json(['tick']);
  const { stdout } = await folder.cli(['status', '--failing']);
  expect(stdout).toMatch(/^acme .* email\.send fails for .* \(once\): PermanentError/m);
  expect(stdout).toMatch(/^Trouble +1 with topics that fail, 1 with dead messages$/m);
  const { fleet, tenants } = await status('--failing');
  expect(fleet).toMatchObject({ failing: 0, withFailingTopics: 1 });
  expect(tenants[0]!.schedule.failingTopics).toMatchObject([
    { queue: 'outbox', topic: 'email.send', failures: 1 },
  ]);
  expect((await folder.cli(['tenants', 'show', 'acme'])).stdout).toMatch(
    /^Failing topics +email\.send fails for /m,
  );
});

test('S2: status counts the messages that are Dead now, and --fail-on ends with exit code 3', async () => {
  await folder.json(['tenants', 'add', 'acme']);
  await folder.json(['tenants', 'add', 'beta']);
  await folder.json(['enqueue', 'acme', 'email.send', '{}']);
  await folder.json(['tick']);
  expect(ids(await status('--dead'))).toEqual(['acme']);
  expect((await status()).fleet).toMatchObject({ stored: { dead: 1 }, withDead: 1 });
  const troubled = await folder.cli(['status', '--fail-on', 'dead,failing']);
  expect(troubled.code).toBe(3);
  expect(troubled.stdout).toMatch(/^Trouble .*1 with dead messages\nQueues .* 1 dead, /m);
  expect(troubled.stderr).toMatch(
    /^error: By the last reports: dead: 1 dead message in 1 tenant; failing: 1 tenant with topics that fail\./m,
  );
  expect((await folder.cli(['doctor', '--registry-only', '--fail-on', 'dead'])).code).toBe(3);
  expect((await folder.cli(['status', '--tenant', 'beta', '--fail-on', 'dead,failing'])).code).toBe(0);
  expect((await folder.cli(['status', '--fail-on', 'stale'])).code).toBe(0);
  expect((await folder.cli(['status', '--fail-on', 'stale', '--stale-after', '0ms'])).code).toBe(3);
  expect((await folder.cli(['status', '--fail-on', 'sad'])).code).toBe(2);

  await folder.json(['dead', 'discard', '--all', '--yes']);
  await folder.json(['tick']);
  expect((await status()).fleet).toMatchObject({ stored: { dead: 0 }, withDead: 0, withFailingTopics: 0 });
  const { code, stdout } = await folder.cli(['status', '--fail-on', 'dead,failing']);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^acme .* idle, /m);
  const shown = (await folder.cli(['tenants', 'show', 'acme'])).stdout;
  expect(shown).toMatch(/^Outbox +0 ready \(0 due; 0 blocked\), 0 dead; as of .* ago$/m);
});

test('F6: status reads only the registry, and works without the tenant databases', async () => {
  await folder.json(['tenants', 'add', 'acme']);
  await folder.json(['tick']);
  rmSync(path.join(folder.path, '.data/tenants'), { recursive: true });
  expect(ids(await status())).toEqual(['acme']);
  expect(existsSync(path.join(folder.path, '.data/tenants'))).toBe(false);
});

test('a big fleet is cut at --limit, and --all shows it whole', async () => {
  const { code } = await folder.script(`
    const multiOutbox = library.createMultiOutbox();
    await multiOutbox.migrate({ tenants: [] });
    for (let number = 1000; number < 1520; number++) await multiOutbox.tenants.add({ id: 't' + number });
    await multiOutbox.close();
  `);
  expect(code).toBe(0);
  const cut = await status();
  expect([cut.tenants.length, cut.more]).toEqual([50, true]);
  expect((await folder.cli(['status', '--limit', '2'])).stdout).toMatch(
    /Only the first 2 of 520 are shown; --all shows every tenant\.\n$/,
  );
  const whole = await status('--all');
  expect([new Set(ids(whole)).size, whole.more]).toEqual([520, false]);
  expect(ids(await status('--failing'))).toEqual([]);
  // The bound of what is read counts tenants, not pages.
  const part = await status('--examine', '510', '--limit', '600');
  expect([part.tenants.length, part.more, part.examined, part.complete]).toEqual([510, false, 510, false]);
  const exact = await status('--examine', '520', '--failing');
  expect([exact.examined, exact.complete]).toEqual([520, true]);
  expect((await folder.cli(['status', '--examine', '500', '--failing'])).stdout).toMatch(
    /^No tenant matches the options\.\n(.*\n)*Only the first 500 tenants by id were read for the list, .*raise --examine.*\n$/,
  );
});

test('F7: wake makes tenants due now', async () => {
  await folder.json(['tenants', 'add', 'acme', '--idle-ceiling', 'never']);
  await folder.json(['tick']);
  // Only the bound makes it due.
  expect((await folder.cli(['status'])).stdout).toMatch(/^acme +active +in 2[34]h/m);
  expect((await status()).fleet.due).toBe(0);
  const { code, stdout } = await folder.cli(['wake', 'acme']);
  expect([code, stdout]).toEqual([0, 'Tenant acme is due now.\n']);
  expect((await status()).fleet.due).toBe(1);
  const { acts } = await folder.json<{ acts: object[] }>(['audit', 'list']);
  expect(acts).toMatchObject([{ act: 'tenant-wake', tenantId: 'acme', count: 1 }]);
  const unknown = await folder.cli(['wake', 'acme', 'nobody']);
  expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringMatching(/^error: .*'nobody'.*\n$/)]);
});

test('F7: wake says when a run of the tenant is in flight', async () => {
  await folder.json(['tenants', 'add', 'acme']);
  // A plan whose dispatch request nobody serves.
  const planned = await folder.script(`
    const face = library.createMultiOutbox({ handlers: [library.defineHandler({ topic: 't', handle() {} })] });
    await face.plan();
    await face.close();
  `);
  expect(planned).toMatchObject({ code: 0, stderr: '' });
  expect((await folder.cli(['wake', 'acme'])).stdout).toMatch(
    /^Tenant acme has a run in flight; it is due again when this run ends, or at 2\d{3}-[-\d]+ [:\d]+Z if it is lost\. .*'multi-outbox leases list acme'/,
  );
  expect(await folder.json(['wake', 'acme'])).toMatchObject({
    woken: ['acme'],
    tenants: [{ inFlight: true }],
  });
});

test('L1: leases list shows the leases of a tenant and of the registry', async () => {
  await folder.json(['tenants', 'add', 'acme']);
  expect((await folder.cli(['leases', 'list', 'acme'])).stdout).toBe(
    'No lease has been acquired here yet.\n',
  );
  await folder.json(['enqueue', 'acme', 'nobody.handles', 'x']);
  await folder.json(['tick']);
  expect(await folder.json(['leases', 'list', 'acme'])).toMatchObject({
    tenantId: 'acme',
    leases: [{ name: 'queue:outbox', fence: 1, held: false }],
  });
  expect((await folder.cli(['leases', 'list'])).stdout).toMatch(/^plan +free +1$/m);
  expect((await folder.cli(['leases', 'list', '--limit', '1'])).stdout).toContain(
    "There may be more: add --after 'plan'.",
  );
  expect((await folder.cli(['leases', 'list', '--owned'])).stdout).toBe('No lease is left to show.\n');
});

test('L5: leases release shows the holder, and releases the lease with --yes', async () => {
  await folder.json(['tenants', 'add', 'acme', '--migrate']);
  const release = (...args: string[]) => folder.cli(['leases', 'release', ...args]);
  expect((await release('report', 'acme')).stdout).toMatch(/^No owner holds a lease named 'report' here/);
  const { stderr } = await folder.script(`
    const multiOutbox = library.createMultiOutbox();
    await multiOutbox.leases('acme').acquire('report', { owner: 'night job', durationMs: '1h' });
    await multiOutbox.close();`);
  expect(stderr).not.toContain('Error');
  const asked = await release('report', 'acme');
  expect(asked.stdout).toMatch(/^Lease report is held by night job, for another \d+m\. Nothing was changed/);
  const freed = await folder.json(['leases', 'release', 'report', 'acme', '--yes']);
  expect(freed).toMatchObject({ tenantId: 'acme', changed: true, lease: { owner: 'night job', fence: 1 } });
  expect(await folder.json(['leases', 'release', 'report', 'acme', '--yes'])).toMatchObject({ lease: null });
  expect(await folder.json(['leases', 'list', 'acme'])).toMatchObject({
    leases: [{ held: false, fence: 1 }],
  });
});

test('handlers list shows the topics and the settings of each handler', async () => {
  const { handlers, file } = await folder.json<{ handlers: { topic: string }[]; file: null }>([
    'handlers',
    'list',
  ]);
  expect([handlers.map(({ topic }) => topic), file]).toEqual([['email.send', 'webhook.post'], null]);
  folder.write(
    'mine.mjs',
    `import { defineHandler } from 'multi-outbox';
     export default async (settings) => [
       defineHandler({ topic: 'mine', timeoutMs: settings.dispatch.handlerTimeoutMs / 2, retry: { maxAttempts: 3 }, handle() {} }),
     ];`,
  );
  const own = await folder.json(['handlers', 'list'], { env: { MULTI_OUTBOX_HANDLERS: 'mine.mjs' } });
  expect(own).toEqual({
    file: 'mine.mjs',
    handlers: [
      {
        topic: 'mine',
        queue: 'outbox',
        source: null,
        schema: false,
        timeoutMs: 15_000,
        concurrency: 16,
        retry: { maxAttempts: 3, baseMs: 2_000, maxDelayMs: 900_000 },
      },
    ],
  });
  const table = await folder.cli(['handlers', 'list', '--handlers', 'mine.mjs']);
  expect(table.stdout).toMatch(/^outbox +mine +15s +16 +3 +2s … 15m$/m);
});
