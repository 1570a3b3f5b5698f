import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { contractFiles } from '../../../docs/generate/contracts.ts';
import { generated, withParts } from '../../../docs/generate/parts.ts';

const root = path.join(__dirname, '../../..');
const documents = path.join(root, 'docs');
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');

test.each(Object.keys(generated))('docs/%s agrees with the code (npm run docs writes it)', (document) => {
  const text = readFileSync(path.join(documents, document), 'utf8');
  expect(text).toBe(withParts(document, text));
});

test.each(Object.keys(contractFiles))(
  'docs/%s agrees with the schemas of the code (npm run docs writes it)',
  (document) => {
    expect(readFileSync(path.join(documents, document), 'utf8')).toBe(contractFiles[document]);
  },
);

test('docs/t-sql.md has every procedure that a role may execute, each with its comment (text of the scripts, no server)', () => {
  const text = readFileSync(path.join(documents, 't-sql.md'), 'utf8');
  const granted = globSync('sql/parts/roles-*.sql', { cwd: root }).flatMap((file) =>
    // Indented grants are only for Babelfish, so the pattern leaves them out.
    [...read(file).matchAll(/^GRANT EXECUTE ON \[\$\(Schema\)\]\.\[(\S+)\]/gm)].map(([, name]) => name!),
  );
  expect(granted.length).toBeGreaterThan(20);
  const told = [...text.matchAll(/^### `messaging\.(\w+)`\n\n[A-Z@]/gm)].map(([, name]) => name);
  const missing = granted.filter((name) => !told.includes(name.replace('$(Queue)', 'Outbox')));
  expect(missing).toEqual([]);
});

test('sql/README.md explains every error number that the procedures throw, and no other (text of the scripts, no server)', () => {
  const thrown = globSync('sql/**/*.sql', { cwd: root }).flatMap((file) =>
    [...read(file).matchAll(/THROW (5\d{4})/g)].map(([, number]) => number),
  );
  const explained = [...read('sql/README.md').matchAll(/^\| (5\d{4}) \|/gm)].map(([, number]) => number);
  expect(explained).toEqual([...new Set(thrown)].sort());
});
