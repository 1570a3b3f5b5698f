import { readFileSync } from 'node:fs';
import path from 'node:path';

const top = path.resolve(__dirname, '../../..');
const read = (file: string) => readFileSync(path.join(top, file), 'utf8');

/** Names of the settings that hold a value, without `version` and the name of the extension bundle. */
function settingsOf(value: object): string[] {
  return Object.entries(value).flatMap(([name, inner]) =>
    typeof inner === 'object' && name !== 'logLevel' ? settingsOf(inner) : [name],
  );
}

test('docs/azure.md explains each setting of host.json', () => {
  const { version, extensionBundle, ...settings } = JSON.parse(read('host.json'));
  const names = [...settingsOf(settings), 'extensionBundle'].filter((name) => name !== 'isEnabled');
  expect(names.length).toBeGreaterThan(12);
  const [, section] = /^## host\.json.*?\n(.*?)^## /ms.exec(read('docs/azure.md'))!;
  expect(names.filter((name) => !section!.includes(name))).toEqual([]);
  expect(section).toContain(extensionBundle.version);
});
