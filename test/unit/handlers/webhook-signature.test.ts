import { Webhook } from 'standardwebhooks';
import { isMultiOutboxError } from '../../../src/errors.ts';
import { parseSecrets, webhookSignature } from '../../../src/handlers/webhook-signature.ts';

const secretOf = (bytes: number, fill = 7) => `whsec_${Buffer.alloc(bytes, fill).toString('base64')}`;

test('every secret signs, so that receivers with the old one and the new one both verify', async () => {
  const [newer, older] = [secretOf(32, 1), secretOf(32, 2)];
  const now = new Date();
  const signature = await webhookSignature(parseSecrets(` ${newer}  ${older}\n`), 'id-1', now, '{"a":"é"}');
  const headers = {
    'webhook-id': 'id-1',
    'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
    'webhook-signature': signature!,
  };
  expect(new Webhook(newer).verify('{"a":"é"}', headers)).toEqual({ a: 'é' });
  expect(new Webhook(older).verify('{"a":"é"}', headers)).toEqual({ a: 'é' });
  expect(() => new Webhook(secretOf(32, 3)).verify('{"a":"é"}', headers)).toThrow('No matching signature');
  expect(() => new Webhook(newer).verify('{"a":"e"}', headers)).toThrow('No matching signature');
});

test('requests without a secret are not signed', async () => {
  expect(parseSecrets('  ')).toEqual([]);
  expect(await webhookSignature([], 'id-1', new Date(), 'x')).toBeUndefined();
});

test.each([
  secretOf(23),
  secretOf(65),
  'hunter2-hunter2-hunter2-hunter2',
  'whsec_***',
  `${secretOf(32)} hunter2`,
])('%s is refused without being shown', (text) => {
  let thrown: unknown;
  try {
    parseSecrets(text);
  } catch (error) {
    thrown = error;
  }
  expect(isMultiOutboxError(thrown, 'INVALID_CONFIGURATION')).toBe(true);
  expect((thrown as Error).message).not.toContain(text.split(' ').at(-1)!);
});

test.each([24, 64])('%i bytes are long and short enough', (bytes) => {
  expect(parseSecrets(secretOf(bytes))).toHaveLength(1);
});
