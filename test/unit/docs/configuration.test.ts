import { readFileSync } from 'node:fs';
import path from 'node:path';
import { configurationTable } from '../../../docs/configuration-table.ts';

test('docs/configuration.md lists every setting as the code has it (npm run docs writes it)', () => {
  const text = readFileSync(path.join(__dirname, '../../../docs/configuration.md'), 'utf8');
  expect(text).toContain(configurationTable());
});
