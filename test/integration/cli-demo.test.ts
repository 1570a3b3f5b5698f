import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { type CliFolder, cliFolder } from '../support/cli-process.ts';

let folder: CliFolder;
beforeEach(() => {
  folder = cliFolder();
});
afterEach(() => folder.remove());

interface DemoResult {
  customers: {
    customer: string;
    dispatched: number;
    retried: number;
    dead: number;
    skipped: number;
    failedRuns: number;
    mails: string | null;
    error: string | null;
  }[];
  hosts: { first: number; second: number };
  problems: string[];
}

const mailFiles = (customer: string) => {
  const mails = path.join(folder.path, '.data/demo/mail', customer);
  return existsSync(mails) ? readdirSync(mails).filter((name) => name.endsWith('.eml')).length : 0;
};

test('the demo dispatches every mail once, with two hosts, one damaged database and no overlap; and can be repeated', async () => {
  const first = await folder.cli(['demo']);
  expect([first.code, first.stderr]).toEqual([0, expect.stringContaining('of 395 mails dispatched')]);
  expect(first.stdout).toMatch(/^dune +24 +0 +0 +[1-9]\d* .*24 files in \.data[\\/]demo[\\/]mail[\\/]dune$/m);
  expect(first.stdout).toMatch(/^cedar +101 +2 +1 .*101 files in/m);
  expect(first.stdout).toMatch(/^ember +0 +0 +0 .*DATABASE_CORRUPT/m);

  const { customers, hosts, problems } = await folder.json<DemoResult>(['demo']);
  expect(problems).toEqual([]);
  const row = (customer: string) => customers.find((candidate) => candidate.customer === customer)!;
  expect(customers.map(({ customer, dispatched }) => [customer, dispatched])).toEqual([
    ['dune', 24],
    ['acme', 150],
    ['birch', 120],
    ['cedar', 101],
    ['ember', 0],
  ]);
  for (const { customer, dispatched } of customers)
    expect([customer, mailFiles(customer)]).toEqual([customer, dispatched]);
  expect(row('cedar')).toMatchObject({ retried: 2, dead: 1 });
  expect(row('dune').skipped).toBeGreaterThan(0);
  expect(row('ember')).toMatchObject({ mails: null, error: expect.stringContaining('DATABASE_CORRUPT') });
  expect(hosts.first + hosts.second).toBe(395);
  expect(hosts.second).toBeGreaterThanOrEqual(24);
  const status = await folder.cli(['status', '--registry', 'sqlite:.data/demo/registry.db', '--failing']);
  expect(status.stdout).toMatch(/^ember /m);
}, 90_000);

test('the demo empties only its own folder', async () => {
  mkdirSync(path.join(folder.path, '.data/demo'), { recursive: true });
  folder.write('.data/demo/precious.txt', 'keep me');
  const { code, stderr } = await folder.cli(['demo']);
  expect([code, stderr]).toEqual([
    1,
    expect.stringMatching(/^error: Folder .* holds files that are not the demo's;.*\n$/),
  ]);
  expect(readdirSync(path.join(folder.path, '.data/demo'))).toEqual(['precious.txt']);
});

test('the demo refuses a registry that holds other tenants', async () => {
  await folder.json(['tenants', 'add', 'acme']);
  const { code, stderr } = await folder.cli(['demo', '--registry', 'sqlite:.data/registry.db']);
  expect([code, stderr]).toEqual([
    1,
    expect.stringMatching(/^error: The registry holds tenant 'acme', .*\n$/),
  ]);
});
