/**
 * Numbered parameters are positional in node:sqlite of Node 22.18 and 24.0, and fail there: `?` and `:name` are not. A LIMIT
 * that is a parameter by itself makes SQLite prepare the statement again at each execution: an expression does not.
 */
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';

const root = path.join(__dirname, '../../..');
/**
 * Matches only SQL: in code the formatter puts a space after the `?` of a condition, an optional index is `?.[1]`, and a
 * terminal's codes are `[?25h`.
 */
const numbered = /(?<!\[|csi\})\?\d/;

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

const bareLimit = /\bLIMIT (\?|:\w+\b)(?! \+)/;

test('no statement of the engine has a LIMIT that is a parameter by itself', () => {
  const files = globSync('src/engine/sqlite/**/*.ts', { cwd: root });
  const texts = files.map((file) => ({ file, text: readFileSync(path.join(root, file), 'utf8') }));
  expect(texts.filter(({ text }) => /\bLIMIT (\?|:\w+) \+ 0/.test(text)).length).toBeGreaterThan(5);
  const found = texts.flatMap(({ file, text }) =>
    text
      .split('\n')
      .flatMap((line, index) => (bareLimit.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : [])),
  );
  expect(found).toEqual([]);
});

test.each([
  ['SELECT 1 LIMIT ?', true],
  ['SELECT 1 LIMIT :limit)', true],
  ['SELECT 1 LIMIT ? OFFSET ?', true],
  ['SELECT 1 LIMIT :limit + 0', false],
  ['SELECT 1 LIMIT 1 OFFSET ?', false],
])('a LIMIT that is a parameter by itself would be found: %s', (sql, isFound) => {
  expect(bareLimit.test(sql)).toBe(isFound);
});
