#!/usr/bin/env node
// Nothing heavy is imported above the check of Node's version: an old Node gets a sentence, not a syntax error.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major < 22 || (major === 22 && minor < 13)) {
  process.stderr.write(
    `multi-outbox needs Node 22.13 or newer and this is ${process.version}; install a newer Node and try again.\n`,
  );
  process.exitCode = 1;
} else {
  void import('./program.ts').then(({ main }) => main(process.argv));
}

export {};
