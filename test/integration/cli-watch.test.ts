/** `status --watch`, on a pseudo-terminal and as JSON. */
import { type CliFolder, cliFolder } from '../support/cli-process.ts';
import { testWithSignals } from '../support/platform.ts';
import { startOnTerminal, testOnTerminal } from '../support/pseudo-terminal.ts';
import { until } from '../support/until.ts';

let folder: CliFolder;
beforeEach(async () => {
  folder = cliFolder();
  await folder.json(['tenants', 'add', 'acme']);
});
afterEach(() => folder.remove());

testWithSignals('with --json it prints a line each time, and ends with 0 at SIGINT', async () => {
  const watching = folder.start(['status', '--watch', '100ms', '--json']);
  await watching.until(({ stdout }) => stdout.split('\n').length > 1);
  await folder.json(['tenants', 'add', 'beta']);
  await watching.until(({ stdout }) => stdout.includes('"beta"'));
  watching.kill('SIGINT');
  const { code, stdout, stderr } = await watching.ended;
  expect([code, stderr]).toEqual([0, '']);
  const seen = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).tenants.length);
  expect([seen[0], seen.at(-1)]).toEqual([1, 2]);
});

test('without a terminal and --json it is refused, and so are options that make no sense with it', async () => {
  const refused = async (...args: string[]) => {
    const { code, stderr } = await folder.cli(['status', ...args]);
    return `${code} ${stderr}`;
  };
  expect(await refused('--watch')).toBe(
    '2 error: --watch needs a terminal; add --json for one line of JSON each time.\n',
  );
  expect(await refused('--watch', '5', '--json')).toMatch(/^2 .*with its unit/);
  expect(await refused('--watch', '1ms', '--json')).toMatch(/^2 .*100ms or more/);
  expect(await refused('--watch', '--json', '--fail-on', 'dead')).toMatch(/^2 .*not both/);
});

testOnTerminal('on a terminal it is drawn again, and Ctrl+C ends it with 0 and the cursor back', async () => {
  const { output, type, ended } = startOnTerminal(folder.path, ['status', '--watch', '100ms']);
  const home = '\u001b[H';
  await until('it is drawn three times', () => output().split(home).length > 3);
  expect(output()).toMatch(/acme[^\n]*active/);
  expect(output().split('\u001b[?25h')).toHaveLength(1);
  type('\u0003');
  expect(await ended).toBe(0);
  expect(output().split('\u001b[?25h')).toHaveLength(2);
});
