import { createHandlers } from '../../../src/handlers/index.ts';
import { loadSettings } from '../../../src/settings.ts';

test('the settings alone make the built-in handlers', () => {
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
