/** L4, L5: lease holders in separate processes that freeze or die. */

import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createMultiOutbox, type MultiOutbox } from '../../src/multi-outbox.ts';
import { type CliFolder, cliFolder } from '../support/cli-process.ts';
import { testWithSignals } from '../support/platform.ts';
import { until } from '../support/until.ts';

let folder: CliFolder;
let multiOutbox: MultiOutbox;
let acme: DatabaseSync;

beforeEach(async () => {
  folder = cliFolder();
  await folder.json(['tenants', 'add', 'acme']);
  const file = (name: string) => path.join(folder.path, '.data', name);
  multiOutbox = createMultiOutbox({ registry: `sqlite:${file('registry.db')}` });
  acme = new DatabaseSync(file('tenants/acme.db'));
  acme.exec('CREATE TABLE Reports (Writer TEXT, Fence INTEGER NOT NULL)');
  acme.exec("INSERT INTO Reports VALUES ('', 0)");
});
afterEach(async () => {
  acme.close();
  await multiOutbox.close();
  await folder.remove();
});

const guarded = 'UPDATE Reports SET Writer = ?, Fence = ? WHERE Fence <= ?';
const report = () => ({ ...acme.prepare('SELECT Writer, Fence FROM Reports').get() });

/**
 * A program that takes the lease for half a second at a time, writes under its fence, gets a signal, and goes on
 * writing.
 */
const holder = (signal: NodeJS.Signals) => `
  import { DatabaseSync } from 'node:sqlite';
  const acme = new DatabaseSync('.data/tenants/acme.db');
  const write = acme.prepare('${guarded}');
  const lease = await library.createMultiOutbox().leases('acme').acquire('report', { durationMs: 500 });
  lease.signal.addEventListener('abort', () => console.log(lease.signal.reason.code));
  console.log('written', write.run('holder', lease.fence, lease.fence).changes);
  process.kill(process.pid, '${signal}');
  setInterval(() => console.log('written', write.run('holder', lease.fence, lease.fence).changes), 10);
`;

testWithSignals(
  'L5: a holder that stood still beyond its lease is refused by the fence, and learns that it lost it',
  async () => {
    const stalled = folder.startScript(holder('SIGSTOP'));
    await stalled.until(({ stdout }) => stdout.includes('written 1'));
    const next = await until('its time is up', () => multiOutbox.leases('acme').acquire('report'));
    expect(next.fence).toBe(2);
    acme.prepare(guarded).run('next', next.fence, next.fence);
    stalled.kill('SIGCONT');
    await stalled.until(({ stdout }) => stdout.includes('written 0') && stdout.includes('LEASE_LOST'));
    expect(report()).toEqual({ Writer: 'next', Fence: 2 });
    expect(stalled.output().stdout.match(/written 1/g)).toHaveLength(1);
    await next.release();
  },
);

testWithSignals('L4: the lease of a holder that was killed can be taken when its time is up', async () => {
  const { signal } = await folder.startScript(holder('SIGKILL')).ended;
  expect([signal, report()]).toEqual(['SIGKILL', { Writer: 'holder', Fence: 1 }]);
  const next = await until('its time is up', () => multiOutbox.leases('acme').acquire('report'));
  expect(next.fence).toBe(2);
  await next.release();
});
