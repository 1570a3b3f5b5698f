import { createHandlers } from '../../../src/handlers/index.ts';
import { emailSend, webhookPost } from '../../../src/handlers/public.ts';
import { loadSettings } from '../../../src/settings.ts';
import { attemptOnce } from './one-attempt.ts';

test('the built-in handlers need only the settings', () => {
  const handlers = createHandlers(loadSettings({}, {}));
  expect(handlers.map(({ topic }) => topic)).toEqual(['email.send', 'webhook.post']);
});

test.each([
  ['MULTI_OUTBOX_SMTP_URL', 'http://me:hunter2@mail.example.net'],
  ['MULTI_OUTBOX_WEBHOOK_SECRET', 'correct-horse'],
])('%s of the wrong form is refused at start, by name', (variable, value) => {
  const create = () => createHandlers(loadSettings({}, { [variable]: value }));
  expect(create).toThrow(expect.objectContaining({ code: 'INVALID_CONFIGURATION' }));
  expect(create).toThrow(variable);
  expect(create).not.toThrow(value);
});

test('webhookPost needs no options, and refuses private addresses then', async () => {
  const outcome = await attemptOnce(webhookPost(), { url: 'http://127.0.0.1:1/', body: 1 });
  expect(outcome).toMatchObject({ kind: 'dead', error: expect.stringContaining('loopback') });
});

test('emailSend needs a server or a folder, and says so', () => {
  expect(emailSend({ smtpUrl: 'smtp://127.0.0.1:1' }).topic).toBe('email.send');
  for (const options of [undefined, {}, { from: 'us@example.com' }, { folder: '' }]) {
    expect(() => emailSend(options)).toThrow(
      expect.objectContaining({
        code: 'INVALID_CONFIGURATION',
        message: expect.stringMatching(/smtpUrl.*folder/),
      }),
    );
  }
});
