/** The console's page is small, and loads nothing from elsewhere. */
import { gzipSync } from 'node:zlib';
import { readAssets } from '../../../src/console/assets.ts';

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
