/** On an old Node, the built files name the required version. `npm run test:floor` runs them on old versions. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import packageJson from '../../package.json' with { type: 'json' };

const dist = path.join(__dirname, '../../dist');
const old = `data:text/javascript,Object.defineProperty(process.versions,'node',{value:'22.17.1'})`;
const sentence = `multi-outbox needs Node 22.18.0 or newer (${packageJson.engines.node}), but this is Node v22.17.1; install a newer Node and try again.`;

const node = (...args: string[]) =>
  spawnSync(process.execPath, ['--import', old, ...args], { encoding: 'utf8' });

test('the command line prints one line and ends', () => {
  const { status, stdout, stderr } = node(path.join(dist, 'cli.js'), 'tick');
  expect([status, stdout, stderr]).toEqual([1, '', `${sentence}\n`]);
});

/** The files that package.json exports, and the one that the Functions host loads. */
const entries = ['index', 'handlers', 'sources', 'functions', 'testing', 'functions/main'];

test.each(entries)('dist/%s.js cannot be imported', (entry) => {
  const url = pathToFileURL(path.join(dist, `${entry}.js`)).href;
  const { stdout } = node(
    '--input-type=module',
    '-e',
    `import('${url}').then(() => console.log('loaded'), ({ code, message }) => console.log(code + ': ' + message))`,
  );
  expect(stdout.trim().split('\n').at(-1)).toBe(`UNSUPPORTED_NODE: ${sentence}`);
});
