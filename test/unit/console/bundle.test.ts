/** The console's page is small, and loads nothing from elsewhere. */

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { readAssets } from '../../../src/console/assets.ts';
import { documentTable } from '../../support/document-table.ts';

const { files } = readAssets();

test('the page is less than 150 kB, compressed', () => {
  const bytes = [...files.values()].reduce((sum, { body }) => sum + gzipSync(body).length, 0);
  expect(bytes).toBeGreaterThan(5_000);
  expect(bytes).toBeLessThan(150_000);
});

test('the page has nothing that its policy forbids, and no address of elsewhere', () => {
  for (const [name, { body }] of files) {
    const text = Buffer.from(body).toString();
    const addresses = [...text.matchAll(/https?:\/\/[^\s"'`)]+/g)].map(([address]) => address);
    expect([name, addresses.filter((address) => !address.startsWith('http://www.w3.org/'))]).toEqual([
      name,
      [],
    ]);
    expect([name, /\beval\(|new Function\(|document\.write|dangerouslySetInnerHTML=/.test(text)]).toEqual([
      name,
      false,
    ]);
    expect(name).toMatch(/^(page|icon)-[A-Z0-9]{8}\.(js|css|svg)$/);
  }
});

test('docs/console.md says how large the page is', () => {
  const document = readFileSync('docs/console.md', 'utf8');
  const [, ...documented] =
    /The page is ([\d.]+) kB of script, ([\d.]+) kB of style and ([\d.]+) kB of icon/.exec(document)!;
  const { script, style, icon } = readAssets();
  for (const [index, name] of [script, style, icon].entries()) {
    const bytes = gzipSync(files.get(name)!.body).length;
    const said = Number(documented[index]) * 1_000;
    expect([name, Math.abs(bytes - said) <= Math.max(500, said * 0.05)]).toEqual([name, true]);
  }
});

test('each attack that docs/console.md names is in the test that it names', () => {
  for (const [attack, , where] of documentTable('docs/console.md', 'attack', 'answer', 'test')) {
    const [, file, title] = /^`([^`]+)`: (.+)$/.exec(where!)!;
    const place = file!.includes('/') ? file! : path.join('test/integration/console', file!);
    const isThere =
      existsSync(place) && readFileSync(place, 'utf8').toLowerCase().includes(title!.toLowerCase());
    expect([attack, isThere]).toEqual([attack, true]);
  }
});
