import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Azurite } from '../../support/azurite.ts';
import { completeLines } from '../../support/complete-lines.ts';
import { FunctionsApp } from '../../support/functions-app.ts';
import { until } from '../../support/until.ts';

const hostFolder = path.resolve(__dirname, '../../support/functions-host');
const folder = mkdtempSync(path.join(tmpdir(), 'multi-outbox-function-app-'));
let azurite: Azurite;
beforeAll(async () => {
  execFileSync(process.execPath, [
    path.join(hostFolder, 'bundle.mjs'),
    folder,
    path.join(hostFolder, 'append-handlers.ts'),
  ]);
  azurite = await Azurite.start();
});
afterAll(async () => {
  await azurite?.stop();
  rmSync(folder, { recursive: true, force: true });
});
const app = new FunctionsApp(() => azurite);

const backlog = 20_000;
const others = ['birch', 'cedar', 'delta', 'elder'];
const messages = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => ({ topic: 'append', payload: String(from + index) }));

test('D5, D8: 20,000 messages take several invocations, and others are dispatched in between', async () => {
  await app.tenants('acme', ...others);
  for (let count = 0; count < backlog; count += 4_000) {
    await app.library.outbox('acme').enqueue(messages(4_000, count));
  }
  // However fast this machine is, the backlog is not dispatched before the others are.
  await app.library.outbox('acme').enqueue({ topic: 'append-when-told', payload: 'last' });
  const effects = app.place.file('effects');
  const instance = await app.start(
    { MULTI_OUTBOX_TIME_BUDGET: '200ms', MULTI_OUTBOX_TEST_EFFECTS: effects },
    { folder },
  );
  const dispatched = () => completeLines(effects);
  const runs = () => instance.runs().filter(({ tenantId }) => tenantId === 'acme');
  await instance.tick();
  await until('the first run of the backlog has ended', () => runs().some(({ more }) => more));

  for (const id of others) await app.library.outbox(id).enqueue(messages(2));
  const { outputs } = await instance.tick();
  // The backlog's runs request each other: no plan requests them.
  expect(outputs.map(({ text }) => JSON.parse(text).tenantId).sort()).toEqual(others);
  await until(
    'the others are served',
    () => dispatched().filter((line) => !line.startsWith('acme')).length === 8,
  );
  writeFileSync(`${effects}.go`, '');

  // The registry knows of a run before its invocation is reported, so the test waits for the invocations.
  await until('no run asks for another', () => runs().at(-1)!.more === false, 60_000);
  // No message is lost, none is dispatched twice.
  expect(dispatched().length).toBe(backlog + 1 + 8);
  expect(new Set(dispatched()).size).toBe(backlog + 1 + 8);
  expect(await app.library.outbox('acme').statistics()).toMatchObject({ ready: 0, claimed: 0, dead: 0 });
  expect(runs().length).toBeGreaterThan(1);
  // The runs came one after another: each requested the next one.
  const continuations = instance
    .of('dispatch')
    .flatMap((invocation) => invocation.outputs.map(({ text }) => JSON.parse(text)));
  expect(continuations).toHaveLength(runs().length - 1);
  expect(continuations[0]).toMatchObject({ tenantId: 'acme', reason: 'backlog' });
}, 90_000);
