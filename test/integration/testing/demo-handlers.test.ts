/** The demo's handlers, tested as docs/testing.md says. */
import { globSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import demoHandlers from '../../../examples/demo/handlers.ts';
import { demoHeaders } from '../../../examples/demo/headers.ts';
import { loadSettings } from '../../../src/index.ts';
import { createTestOutbox, type TestOutbox } from '../../../src/testing/index.ts';

const payload = { to: 'ann@example.com', subject: 'Thank you', text: 'It is on its way.' };
const folder = mkdtempSync(path.join(tmpdir(), 'multi-outbox-demo-handlers-'));
const [sendMail] = demoHandlers(loadSettings({ email: { folder } }, {}));
const mails = () => globSync('**/*.eml', { cwd: folder }).length;

let outbox: TestOutbox;
beforeEach(async () => {
  outbox = await createTestOutbox({ handlers: [sendMail!], retry: { baseMs: '10s' } });
});
afterEach(async () => {
  await outbox.close();
  for (const file of globSync('*', { cwd: folder })) rmSync(path.join(folder, file), { recursive: true });
});
afterAll(() => rmSync(folder, { recursive: true }));

const failing = { headers: { [demoHeaders.failures]: '2' } };

test('a mail server that is busy twice gets the mail at the third attempt', async () => {
  expect(await outbox.runHandler(sendMail!, payload, failing)).toMatchObject({ status: 'retry' });
  await outbox.outbox('test').enqueue({ topic: sendMail!.topic, payload, ...failing });
  await outbox.drain();
  outbox.clock.advance('10s');
  await outbox.drain();
  expect(mails()).toBe(0);
  outbox.clock.advance('20s');
  await outbox.drain();
  expect(mails()).toBe(2);
  expect(outbox.enqueued({ status: 'done' })).toHaveLength(2);
});

test('a payload that is no mail is dead at once', async () => {
  expect(await outbox.runHandler(sendMail!, { to: 'ann@example.com' })).toMatchObject({ status: 'dead' });
});

test('D5: a shutdown after the first mail leaves the others for the next run, and sends each once', async () => {
  for (const to of ['a@example.com', 'b@example.com', 'c@example.com'])
    await outbox
      .outbox('test')
      .enqueue({ topic: sendMail!.topic, payload: { ...payload, to }, orderingKey: 'k' });
  outbox.failNextRun('shutdown', { after: 1 });
  await outbox.dispatch({ tenantId: 'test' });
  expect(mails()).toBe(1);
  await outbox.drain();
  expect(mails()).toBe(3);
});
