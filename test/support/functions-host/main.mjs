/**
 * One instance of a function app as a process: `node main.mjs FOLDER`, driven over IPC by functions-app.ts.
 * AzureWebJobsStorage names its storage.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { serve } from './http.mjs';
import { Queues } from './queues.mjs';
import { invoke, listFunctions, loadApp, terminate } from './worker.mjs';

const [folder, hiddenSeconds] = process.argv.slice(2);
const { extensions } = JSON.parse(readFileSync(path.join(folder, 'host.json'), 'utf8'));
const { batchSize, newBatchThreshold, maxDequeueCount, messageEncoding } = extensions.queues;

// Reports the error and ends, as the worker does.
process.on('uncaughtException', (error) => {
  console.error(error);
  process.exit(1);
});
const capabilities = await loadApp(folder);
const queues = new Queues(process.env.AzureWebJobsStorage, {
  batchSize,
  newBatchThreshold,
  maxDequeueCount,
  messageEncoding,
  // The pause between two attempts is short, because it would otherwise be the longest part of a test.
  visibilityTimeout: 0,
  hiddenSeconds: Number(hiddenSeconds),
});

/** Reports every invocation to the test process. */
async function tell(name, data, metadata, invocationId) {
  process.send({ kind: 'begun', name });
  const startedAt = performance.now();
  const { error, ...result } = await invoke(name, data, metadata, invocationId);
  const told = { ...result, ms: performance.now() - startedAt, error: error?.message };
  process.send({ kind: 'invocation', ...told, returnValue: undefined });
  return { ...result, error };
}

const functions = listFunctions();
const ofType = (type) =>
  functions.flatMap(({ name, bindings }) =>
    bindings
      .filter((binding) => binding.type === type)
      .map((binding) => ({ name, ...binding, function: name })),
  );
for (const { function: name, queueName } of ofType('queueTrigger')) {
  if (process.env[`AzureWebJobs.${name}.Disabled`] === 'true') continue;
  queues.listen(queueName, (text, metadata) => tell(name, { string: text }, metadata));
}
const port = await serve(functions, capabilities, async (...request) => {
  const result = await tell(...request);
  if (result.error === undefined) await queues.send(result.outputs);
  return result;
});

const commands = {
  async tick() {
    const [{ function: name }] = ofType('timerTrigger');
    // The host keeps no record of a schedule below a minute, and never calls its timer past due.
    const data = { Schedule: { AdjustForDST: true }, IsPastDue: false };
    const { error, outputs } = await tell(name, { json: JSON.stringify(data) });
    if (error === undefined) await queues.send(outputs);
  },
  /**
   * The queues go on until the hooks run. The worker process ends when its hooks have; the host still sends the outputs of
   * the invocations answered until then.
   */
  async terminate({ goOnMs }) {
    await pause(goOnMs);
    const startedAt = performance.now();
    await terminate();
    const ms = performance.now() - startedAt;
    await queues.answered();
    return { ms };
  },
  async stop() {
    await queues.stop();
    await terminate();
  },
  measure: async () => ({
    requests: queues.requests,
    sent: queues.sent,
    peakRss: process.resourceUsage().maxRSS * 1_024,
  }),
};

process.on('message', async ({ id, command, ...options }) => {
  const answer = await commands[command](options);
  process.send({ kind: 'answer', id, answer });
  if (command === 'terminate' || command === 'stop') process.exit(0);
});
// Ends when the test process has died.
process.on('disconnect', () => process.exit(1));
process.send({ kind: 'ready', port, functions });
