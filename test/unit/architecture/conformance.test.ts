/** The embedded engine has a test file for each topic of the conformance suite, so that none is left out. */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { allTopics } from '../../conformance/describe-conformance.ts';

test('each topic of the conformance suite has a test file for SQLite', () => {
  const files = readdirSync(path.join(__dirname, '../../conformance/sqlite'));
  expect(files.sort()).toEqual(allTopics.map((topic) => `${topic}.test.ts`).sort());
});
