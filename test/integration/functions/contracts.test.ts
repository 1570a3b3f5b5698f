/** docs/contracts.md and its two files, against the running function app. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import * as v from 'valibot';
import * as answers from '../../../docs/generate/answers.ts';
import { openapi } from '../../../docs/generate/contracts.ts';
import { Azurite } from '../../support/azurite.ts';
import { blockOf, blocksOf, root } from '../../support/documents.ts';
import { FunctionsApp, type Instance } from '../../support/functions-app.ts';
import { testWithShell } from '../../support/platform.ts';
import { until } from '../../support/until.ts';

const run = promisify(execFile);
let azurite: Azurite;
beforeAll(async () => {
  azurite = await Azurite.start();
});
afterAll(() => azurite?.stop());
const app = new FunctionsApp(() => azurite);

const post = (instance: Instance, route: string, body?: unknown, type = 'application/json') =>
  instance.fetch(route, {
    method: 'POST',
    headers: { 'content-type': type },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });

test('the app serves the document of docs/openapi.json', async () => {
  const instance = await app.start();
  const served = await (await instance.fetch('openapi.json')).json();
  expect(served).toEqual(JSON.parse(readFileSync(path.join(root, 'docs/openapi.json'), 'utf8')));
});

test('the document describes each HTTP function of the app, with its method and whether it needs a key', async () => {
  const instance = await app.start();
  const functions = instance.functions.flatMap(({ bindings }) =>
    bindings
      .filter(({ type }) => type === 'httpTrigger')
      .map(({ route, methods, authLevel }) => [`/${route}`, String(methods), authLevel === 'function']),
  );
  const described = Object.entries(openapi.paths).flatMap(([route, methods]) =>
    Object.entries(methods as Record<string, { security?: unknown[] }>).map(([method, { security }]) => [
      route,
      method.toUpperCase(),
      security === undefined,
    ]),
  );
  expect(functions.sort()).toEqual(described.sort());
});

test('answers and health bodies have the documented form, and no other field', async () => {
  await app.tenants('acme');
  const instance = await app.start();
  const message = { topic: 'email.send', payload: { to: 'a@example.com', subject: 'x', text: 'x' } };
  const cases: [answer: Response, status: number, schema: v.GenericSchema][] = [
    [await instance.fetch('health/fleet'), 200, answers.fleet],
    [await post(instance, 'enqueue/acme', message), 202, answers.enqueued],
    [await post(instance, 'enqueue/acme', [message, message]), 202, v.array(answers.enqueued)],
    [await post(instance, 'wake/acme'), 202, answers.woken],
    [await post(instance, 'plan'), 200, answers.planned],
    [await instance.fetch('health/live'), 200, answers.live],
    [await instance.fetch('health/ready'), 200, answers.ready],
    [await instance.fetch('health/fleet'), 200, answers.fleet],
    [await post(instance, 'enqueue/acme', { topic: 7 }), 400, answers.problem],
    [await post(instance, 'enqueue/nobody', message), 404, answers.problem],
    [await post(instance, 'enqueue/acme', message, 'text/plain'), 415, answers.problem],
    [await post(instance, 'receive/acme/nobody', {}), 404, answers.problem],
  ];
  for (const [answer, status, schema] of cases) {
    const body = await answer.json();
    expect([answer.url, answer.status, v.safeParse(schema, body).issues]).toEqual([
      answer.url,
      status,
      undefined,
    ]);
  }
});

test('a failing tenant, and messages that were given up, have the documented form in health', async () => {
  await app.tenants('acme');
  const instance = await app.start();
  await azurite.send('multi-outbox-dispatch', { tenantId: 'acme', version: 9 });
  await until('it is recorded', () => instance.of('poison').length === 1);
  const body = await (await instance.fetch('health/fleet')).json();
  expect(v.safeParse(answers.fleet, body).issues).toBeUndefined();
  expect(body).toMatchObject({ status: 'troubled', worst: [{ lastError: { code: 'POISONED' } }] });
});

testWithShell('contracts.md: its calls with curl succeed', async () => {
  await app.tenants('acme');
  const instance = await app.start();
  const { code } = blockOf('docs/contracts.md', 'bash', 'http');
  const env = { ...process.env, APP: instance.origin, KEY: 'none is needed here' };
  const { stdout } = await run('bash', ['-e', '-c', code], { env });
  expect(stdout).toContain('"status":"enqueued"');
  // The first call woke the tenant, so that the plan finds none.
  expect(stdout).toContain('"status":"idle"');
});

test('contracts.md: its message for the wake queue wakes the tenant', async () => {
  await app.tenants('acme');
  const instance = await app.start();
  const { code } = blocksOf('docs/contracts.md').find((block) =>
    block.code.includes('az storage message put'),
  )!;
  const [, queue, content] = /--queue-name (\S+) --content '([^']+)'/.exec(code)!;
  await azurite.send(queue!, content!);
  await until('it is read', () => instance.of('wake-queue').length === 1);
  expect(instance.of('wake-queue')[0]).toMatchObject({ outputs: [{ queueName: 'multi-outbox-dispatch' }] });
  expect(instance.of('wake-queue')[0]!.error).toBeUndefined();
});
