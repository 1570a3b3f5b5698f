// Import this before a program: `multi-outbox run` then gets SIGTERM as soon as it listens for that signal, so that a
// document's block that starts a host comes to its end.
import path from 'node:path';

const [, program = '', command] = process.argv;
if (command === 'run' && ['multi-outbox', 'cli.js'].includes(path.basename(program))) {
  process.on('newListener', (event) => {
    if (event === 'SIGTERM') setImmediate(() => process.kill(process.pid, 'SIGTERM'));
  });
}
