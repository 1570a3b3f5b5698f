/** The checks of a tag that the release workflow makes before it publishes. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const script = path.join(__dirname, '../../../.ci/check-release.mjs');
const repository = { type: 'git', url: 'git+https://github.com/example/multi-outbox.git' };
const changelog =
  '# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2026-01-31\n\n### Fixed\n\n- A fault.\n\n## [1.2.2] - 2026-01-01\n';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'multi-outbox-release-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

interface Release {
  tag?: string;
  locked?: string;
  text?: string;
  described?: object;
}

function problemsOf({
  tag = 'v1.2.3',
  locked = '1.2.3',
  text = changelog,
  described = { repository },
}: Release) {
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ version: '1.2.3', ...described }));
  writeFileSync(path.join(folder, 'package-lock.json'), JSON.stringify({ version: locked }));
  writeFileSync(path.join(folder, 'CHANGELOG.md'), text);
  const { status, stderr } = spawnSync(process.execPath, [script, tag], { cwd: folder, encoding: 'utf8' });
  return { status, problems: stderr.split('\n').filter(Boolean) };
}

test('a tag that fits is published', () => {
  expect(problemsOf({})).toEqual({ status: 0, problems: [] });
});

test.each<[string, Release, RegExp]>([
  ['another version', { tag: 'v1.2.4' }, /'v1\.2\.4'.*tag 'v1\.2\.3'/],
  ['no tag', { tag: '' }, /tag 'v1\.2\.3'/],
  ['another version in the lock file', { locked: '1.2.2' }, /package-lock\.json has version 1\.2\.2/],
  [
    'no section in the changelog',
    { text: changelog.replace('1.2.3', '1.2.4') },
    /no section '## \[1\.2\.3\] - DATE'/,
  ],
  ['an empty section', { text: changelog.replace('- A fault.', '') }, /says nothing below '## \[1\.2\.3\]'/],
  ['no repository', { described: {} }, /no 'repository'/],
])('%s is refused', (_what, release, problem) => {
  expect(problemsOf(release)).toEqual({ status: 1, problems: [expect.stringMatching(problem)] });
});
