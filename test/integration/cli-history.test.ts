import type { History } from '../../src/fleet/operations/history.ts';
import { type CliFolder, cliFolder } from '../support/cli-process.ts';

let folder: CliFolder;
beforeEach(() => {
  folder = cliFolder();
});
afterEach(() => folder.remove());

test('S5: history shows the fleet by minute and a tenant by hour; a setting turns it off', async () => {
  const mail = ['email.send', '{"to":"a@example.com","subject":"s","text":"t"}'];
  await folder.json(['tenants', 'add', 'acme']);
  await folder.json(['enqueue', 'acme', ...mail]);
  const [run] = (await folder.json<{ runs: object[] }>(['tick'])).runs;
  expect(run).toMatchObject({ wait: { count: 1 }, handle: { count: 1, maxMs: expect.any(Number) } });
  const fleet = await folder.json<History>(['history']);
  // The run may have ended in the next minute.
  expect(fleet.points.map(({ state }) => state)).toContainEqual(expect.objectContaining({ active: 1 }));
  expect(fleet.points.reduce((done, { counts }) => done + counts.done, 0)).toBe(1);
  await folder.json(['enqueue', 'acme', ...mail]);
  const off = { env: { MULTI_OUTBOX_HISTORY: 'false' } };
  await folder.json(['tick'], off);
  const { points, ...range } = await folder.json<History>(['history', '--tenant', 'acme', '--every', '1d']);
  expect(range).toEqual({ tenant: 'acme', sinceMs: 86_400_000, stepMs: 86_400_000 });
  expect(points.reduce((done, { counts }) => done + counts.done, 0)).toBe(1);
  expect((await folder.cli(['history', '--tenant', 'acme'])).stdout).toMatch(
    /^From +Runs +Failed +Done +Retried +Died +Wait p50 +Wait p99 +Wait max +Handler p50 +Handler p99 +Handler max\n\d{4}-\d\d-\d\d \d\d:00Z +1 +0 +1 /,
  );
  await folder.json(['tenants', 'add', 'beta']);
  expect((await folder.cli(['history', '--tenant', 'beta'], off)).stdout).toBe(
    "The history has nothing of 'beta' for the last 24h. MULTI_OUTBOX_HISTORY is false here, so this host writes none.\n",
  );
  expect(await folder.cli(['history', '--tenant', 'nobody'])).toMatchObject({ code: 1, stdout: '' });
  expect(await folder.cli(['history', '--since', 'x'])).toMatchObject({ code: 2, stdout: '' });
});
