/** The floor is written in `engines` and nowhere else: the check at the start and the documents follow it. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import packageJson from '../../package.json' with { type: 'json' };
import { unsupportedNode } from '../../src/supported-node.ts';
import { documents, root } from '../support/documents.ts';

const range = packageJson.engines.node;

test.each([
  ['22.18.0', true],
  ['22.18.1', true],
  ['22.100.0', true],
  ['24.5.0', true],
  ['26.10.0', true],
  ['27.0.0-nightly20261001abc', true],
  ['22.17.1', false],
  ['22.9.0', false],
  // Node 23 ended before node:sqlite had the functions that the engine calls.
  ['23.11.1', false],
  // An `await using` of the user's own program may be forgotten.
  ['24.4.1', false],
  // An import that begins while another is under way may not end.
  ['24.2.0', false],
  ['20.20.2', false],
  ['18.0.0', false],
])('Node %s is supported: %s', (version, isSupported) => {
  expect(unsupportedNode(version) === undefined).toBe(isSupported);
});

test('below the floor, one line names the floor, the range and the current Node', () => {
  const line = unsupportedNode('20.20.2')!;
  expect(line).not.toContain('\n');
  for (const word of ['22.18.0', range, 'v20.20.2']) expect(line).toContain(word);
});

test('the tests run on a supported Node, and on the requested one', () => {
  expect(unsupportedNode()).toBeUndefined();
  const { EXPECTED_NODE } = process.env;
  if (EXPECTED_NODE === undefined) return;
  const byName = spawnSync('node', ['-p', 'process.version'], { encoding: 'utf8' }).stdout.trim();
  expect([process.version, byName]).toEqual([EXPECTED_NODE, EXPECTED_NODE]);
});

test('documents that name a Node to install name the floors of `engines`, and no other', () => {
  const floors = range.match(/\d+\.\d+/g)!;
  const named = new Map(
    documents.map((document) => [
      document,
      [...readFileSync(path.join(root, document), 'utf8').matchAll(/\bNode\s(\d+\.\d+)/g)].map(
        ([, one]) => one!,
      ),
    ]),
  );
  for (const document of ['README.md', 'docs/quick-start.md', 'docs/azure-deployment.md']) {
    expect([document, named.get(document)]).toEqual([document, floors]);
  }
  expect([...named.values()].flat().filter((one) => !floors.includes(one))).toEqual([]);
});

test('bundles are made for the floor', () => {
  const target = `node${/\d+\.\d+/.exec(range)![0]}`;
  for (const file of ['esbuild.library.mjs', 'esbuild.functions.mjs']) {
    expect([file, readFileSync(path.join(root, file), 'utf8')]).toEqual([
      file,
      expect.stringContaining(`target: '${target}'`),
    ]);
  }
});
