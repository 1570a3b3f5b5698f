import type { TenantRecord } from '../../src/engine/registry.ts';
import { type CliFolder, cliFolder } from '../support/cli-process.ts';

const env = { ACME_DB: 'Server=sql.example.net;User Id=u;Password=p' };
let folder: CliFolder;
beforeEach(async () => {
  folder = cliFolder();
  const fields =
    '--priority 7 --sla 60 --batch-size 10 --tag plan=gold --tag region=eu --auth-setting ACME_DB';
  await folder.json(['tenants', 'add', 'acme', ...fields.split(' ')], { env });
});
afterEach(() => folder.remove());

const change = async (...options: string[]) =>
  (await folder.json<{ tenant: TenantRecord }>(['tenants', 'change', 'acme', ...options], { env })).tenant;

test('F1: given fields change, the others keep their values', async () => {
  const changed = await change('--priority', '8', '--concurrency', '3', '--tag', 'plan=silver');
  expect(changed).toMatchObject({
    priority: 8,
    slaSeconds: 60,
    tags: { plan: 'silver', region: 'eu' },
    overrides: { batchSize: 10, concurrency: 3 },
    auth: { kind: 'setting', name: 'ACME_DB' },
  });
  expect(await folder.json(['tenants', 'show', 'acme'])).toMatchObject({ tenant: { priority: 8 } });
});

test('removed fields have their defaults again', async () => {
  const changed = await change('--no-sla', '--no-batch-size', '--no-auth-setting', '--untag', 'region');
  expect(changed).toMatchObject({
    slaSeconds: null,
    auth: { kind: 'managed-identity' },
    tags: { plan: 'gold' },
  });
  expect([changed.overrides, Object.keys(changed.tags)]).toEqual([{}, ['plan']]);
});

test.each([
  [['acme'], 2, /No change was given/],
  [['acme', '--priority', 'high'], 2, /whole number/],
  [['acme', '--weight', '-1'], 2, /weight must be/],
  [['nobody', '--priority', '1'], 1, /nobody/],
])('%j changes nothing, and says why', async (words, exitCode, problem) => {
  const { code, stderr } = await folder.cli(['tenants', 'change', ...words]);
  expect([code, stderr]).toEqual([exitCode, expect.stringMatching(problem)]);
});
