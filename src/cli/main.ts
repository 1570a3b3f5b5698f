#!/usr/bin/env node
// Checks the version of Node before it loads the program, so that an old Node prints a clear error and not a syntax error.
import { unsupportedNode } from '../supported-node.ts';

const problem = unsupportedNode();
if (problem === undefined) {
  void import('./program.ts').then(({ main }) => main(process.argv));
} else {
  process.stderr.write(`${problem}\n`);
  process.exitCode = 1;
}
