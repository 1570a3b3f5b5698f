/** Numbered parameters are positional in node:sqlite of Node 22.18 and 24.0, and fail there: `?` and `:name` are not. */
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';

const root = path.join(__dirname, '../../..');
/**
 * Matches only SQL: in code the formatter puts a space after the `?` of a condition, and an optional index is `?.[1]`.
 */
const numbered = /\?\d/;

test('no statement has a numbered parameter', () => {
  const files = globSync(
    ['README.md', 'docs/**/*.md', '{src,functions,bench,test,docs}/**/*.{ts,mjs}', 'sql/**/*.sql'],
    { cwd: root },
  ).filter((file) => path.resolve(root, file) !== __filename);
  expect(files.length).toBeGreaterThan(300);
  const found = files.flatMap((file) =>
    readFileSync(path.join(root, file), 'utf8')
      .split('\n')
      .flatMap((line, index) => (numbered.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : [])),
  );
  expect(found).toEqual([]);
});

test('a numbered parameter would be found', () => {
  expect(numbered.test('SELECT 1 WHERE DueUtc <= ?1')).toBe(true);
  expect(numbered.test('SELECT 1 WHERE DueUtc <= ? LIMIT :limit')).toBe(false);
});
