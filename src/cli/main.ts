#!/usr/bin/env node
// The check of Node's version imports nothing heavy: an old Node gets a sentence, not a syntax error.
import { unsupportedNode } from '../supported-node.ts';

const problem = unsupportedNode();
if (problem === undefined) {
  void import('./program.ts').then(({ main }) => main(process.argv));
} else {
  process.stderr.write(`${problem}\n`);
  process.exitCode = 1;
}
