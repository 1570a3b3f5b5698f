// `node .ci/check-release.mjs v1.2.3` checks a tag before it is published and prints every problem, one per line.
import { readFileSync } from 'node:fs';

const [tag = ''] = process.argv.slice(2);
const { version, repository } = JSON.parse(readFileSync('package.json', 'utf8'));
const { version: locked } = JSON.parse(readFileSync('package-lock.json', 'utf8'));
const changelog = readFileSync('CHANGELOG.md', 'utf8');

/** The lines below the version's heading, up to the next one. */
function section() {
  const [, ...sections] = changelog.split(/^## /m);
  return sections.find((text) => text.startsWith(`[${version}] - `));
}

const problems = [];
if (tag !== `v${version}`)
  problems.push(`The tag is '${tag}', and package.json has version ${version}: tag 'v${version}'.`);
if (locked !== version)
  problems.push(`package-lock.json has version ${locked}, not ${version}: run 'npm install'.`);
const found = section();
if (found === undefined) problems.push(`CHANGELOG.md has no section '## [${version}] - DATE': write it.`);
else if (!/^- /m.test(found))
  problems.push(`CHANGELOG.md says nothing below '## [${version}]': list the changes there.`);
if (!repository) {
  problems.push(
    `package.json names no 'repository', which npm compares with the repository that built the package: add it.`,
  );
}

for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;
