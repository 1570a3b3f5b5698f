/**
 * `npm run test:floor` runs the embedded suite, the demo and the built command line on the Node that `engines` begins
 * at and on the newest release of each line since. It also checks that an older Node is refused.
 *
 *   npm run test:floor                                all of them
 *   npm run test:floor -- 22.18.0 24                  these
 *   npm run test:floor -- 22.18.0 --only test/unit    a part of the suite; may be repeated
 *   npm run test:floor -- --refused                   only the refusal of an older Node
 *   node test/floor/main.ts --here 22                 on the Node that runs this, which must be a 22
 *
 * The last lines have one line for each version: passed, or the steps that failed. The reasons and the names of the failed
 * tests come before them.
 *
 * CONTRIBUTING.md gives the reasons for the floor.
 */
import { parseArgs } from 'node:util';
import { NodeUnderTest } from './steps.ts';
import { defaultVersions, floors, nodeProgram, resolveVersion } from './versions.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', multiple: true, default: [] },
    here: { type: 'boolean', default: false },
    refused: { type: 'boolean', default: false },
  },
});

const failures: string[] = [];
const results: string[] = [];

function trySupported(node: NodeUnderTest): void {
  const failed = [
    step(node, 'version', () => node.assertVersion()),
    step(node, 'bundle', () => node.bundle()),
    step(node, 'suite', () => node.suite(values.only)),
    step(node, 'demo', () => node.demo()),
    step(node, 'command line', () => node.commandLine()),
  ].filter((name) => name !== null);
  results.push(`Node ${node.version}: ${failed.length === 0 ? 'passed' : `FAILED (${failed.join(', ')})`}`);
}

/** Returns the step's name if it failed. When `run` returns a text, the text is printed with the success. */
function step(node: NodeUnderTest, name: string, run: () => unknown): string | null {
  const started = Date.now();
  const seconds = () => ((Date.now() - started) / 1_000).toFixed(1);
  try {
    const details = run();
    console.log(
      `Node ${node.version}: ${name}: ok (${typeof details === 'string' ? `${details}, ` : ''}${seconds()} s)`,
    );
    return null;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    failures.push(`Node ${node.version}: ${name}: ${reason}`);
    console.log(`Node ${node.version}: ${name}: failed (${seconds()} s)`);
    return name;
  }
}

function installed(version: string): NodeUnderTest {
  return new NodeUnderTest(nodeProgram(version), `v${version}`);
}

if (values.here) {
  const [wanted = ''] = positionals;
  const isWanted = `${process.version}.`.startsWith(`v${wanted}.`);
  if (positionals.length !== 1 || !isWanted) {
    throw new Error(`This is Node ${process.version}, and '--here' asks for '${positionals.join(' ')}'.`);
  }
  trySupported(new NodeUnderTest(process.execPath, process.version));
} else if (positionals.length > 0) {
  for (const version of positionals.map(resolveVersion)) trySupported(installed(version));
} else {
  const { supported, refused } = defaultVersions();
  if (values.refused) new NodeUnderTest(process.execPath, process.version).bundle();
  else for (const version of supported) trySupported(installed(version));
  for (const node of refused.map(installed)) {
    const failed = step(node, 'refusal', () => node.refusal(floors[0]!));
    results.push(`Node ${node.version}: ${failed === null ? 'refused, as it must be' : 'FAILED (refusal)'}`);
  }
}

for (const failure of failures) console.error(failure);
for (const result of results) console.log(result);
process.exitCode = failures.length === 0 ? 0 : 1;
