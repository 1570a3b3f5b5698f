import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { WakeFile } from '../../../src/engine/sqlite/registry/wake-file.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';
import { until } from '../../support/until.ts';

const place = new SqlitePlace();
const registry = () => place.file('registry.db');
const file = () => `${registry()}-wake`;

beforeEach(() => writeFileSync(registry(), ''));

/** Watches, and counts the calls. */
function watched() {
  let calls = 0;
  const end = new WakeFile(registry()).watch(() => calls++);
  return { end, calls: () => calls };
}

test('F7: a touch by another process calls the hosts that watch; without one there is no file', async () => {
  const other = new WakeFile(registry());
  other.touch();
  expect(existsSync(file())).toBe(false);
  const hosts = [watched(), watched()];
  for (const [index, host] of hosts.entries()) {
    other.touch();
    await until(`host ${index} is called`, () => host.calls() > 0);
  }
  for (const { end } of hosts) end();
});

test('F7: a host goes on watching when the file was removed', async () => {
  const host = watched();
  rmSync(file());
  await until('it is there again', () => existsSync(file()));
  const before = host.calls();
  await until('the host is called', () => {
    new WakeFile(registry()).touch();
    return host.calls() > before;
  });
  host.end();
});

test('F7: a folder that cannot be watched fails neither a host nor a wake', () => {
  const nowhere = new WakeFile(place.file('missing/registry.db'));
  nowhere.touch();
  nowhere.watch(() => {})();
});
