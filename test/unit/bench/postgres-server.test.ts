/** Where the benchmark of the peers looks for PostgreSQL. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { findPostgres } from '../../../bench/peers/postgres-server.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'multi-outbox-postgres-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function install(...programs: string[]): (place: string) => string {
  return (place) => {
    const binaries = path.join(folder, place);
    mkdirSync(binaries, { recursive: true });
    for (const program of programs) writeFileSync(path.join(binaries, program), '');
    return binaries;
  };
}
const debian = () => path.join(folder, 'debian');
const find = (...onPath: string[]) => findPostgres(onPath.join(path.delimiter), debian());

test('the path comes before the packages of Debian', () => {
  const onPath = install('initdb', 'pg_ctl')('own');
  install('initdb', 'pg_ctl')('debian/17/bin');
  expect(find(path.join(folder, 'nothing'), onPath)).toBe(onPath);
});

test('of the packages of Debian the newest is taken', () => {
  install('initdb', 'pg_ctl')('debian/9.6/bin');
  const newest = install('initdb', 'pg_ctl')('debian/17/bin');
  install('initdb', 'pg_ctl')('debian/15/bin');
  expect(find('')).toBe(newest);
});

test('a folder with only one of the two programs is no PostgreSQL', () => {
  const clients = install('pg_ctl')('own');
  expect(find(clients)).toBeUndefined();
  expect(findPostgres(clients, path.join(folder, 'missing'))).toBeUndefined();
});
