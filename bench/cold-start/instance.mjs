/**
 * One cold start: `node instance.mjs FOLDER WHAT [REQUEST]`. Loads the function app in FOLDER as the Functions host's
 * worker does, and prints when the event WHAT happened, in milliseconds since the process started:
 * - `timer`: the first invocation of an app that has one timer function is over
 * - `plan`: the timer has fired, the plan has made its requests, and the first handler is called
 * - `dispatch`: REQUEST came from the queue, and the first handler is called
 * - `sql`: the timer has fired, and the first call of a procedure is on its way to a SQL Server
 */
import { subscribe } from 'node:diagnostics_channel';
import { invoke, listFunctions, loadApp } from '../../test/support/functions-host/worker.mjs';

const [folder, what, request] = process.argv.slice(2);
const timer = { json: JSON.stringify({ Schedule: { AdjustForDST: true }, IsPastDue: false }) };

function end() {
  const ms = performance.now();
  const { user, system } = process.cpuUsage();
  process.stdout.write(JSON.stringify({ ms, cpuMs: (user + system) / 1_000 }), () => process.exit(0));
}

async function checked(name, data) {
  const { error, outputs } = await invoke(name, data);
  if (error !== undefined) throw error;
  return outputs;
}

subscribe('multi-outbox:point', ({ point }) => {
  if (point === 'handler:start') end();
});
/** The first byte of a packet that calls a procedure. */
const procedureCall = 0x03;
subscribe('net.client.socket', ({ socket }) => {
  // Connecting restores the socket's own method.
  socket.once('connect', () => {
    const { write } = socket;
    socket.write = (chunk, ...rest) => {
      if (what === 'sql' && chunk[0] === procedureCall) end();
      return write.call(socket, chunk, ...rest);
    };
  });
});
await loadApp(folder);
if (what === 'timer') {
  await checked(listFunctions()[0].name, timer);
  end();
} else {
  const requests = what !== 'dispatch' ? await checked('plan', timer) : [{ text: request }];
  for (const { text } of requests) await checked('dispatch', { string: text });
  throw new Error(`No handler was called for ${requests.length} requests.`);
}
