import { composeMail } from '../../../src/handlers/mail-composition.ts';
import type { HandlerContext, Message } from '../../../src/queue/handler.ts';

/** The addresses to which email.send would send, or the error that makes the message Dead. */
async function recipients(to: string | string[]): Promise<unknown> {
  const data = { to, text: 'Hi' };
  const message = {
    messageId: 'm',
    payload: JSON.stringify(data),
    data,
  } as Message<unknown> as Message<never>;
  const context = { tenant: { id: 'acme' }, idempotencyKey: 'acme:m' } as HandlerContext;
  try {
    const mail = await composeMail(message, context, 'shop@example.com');
    return (mail.to as { address: string }[]).map(({ address }) => address);
  } catch (error) {
    return (error as Error).name;
  }
}

const nbsp = '\u00a0';

test.each<[string, ...string[]]>([
  ['a@x.com', 'a@x.com'],
  [' a@x.com ', 'a@x.com'],
  ['a@x.com, b@y.com', 'a@x.com', 'b@y.com'],
  ['a@x.com;b@y.com;', 'a@x.com', 'b@y.com'],
  ['a@x.com,,b@y.com', 'a@x.com', 'b@y.com'],
  ['Ann <a@x.com>, Bob <b@y.com>', 'a@x.com', 'b@y.com'],
  ['"Doe, Ann" <a@x.com>', 'a@x.com'],
  ['"b@y.com" <a@x.com>', 'a@x.com'],
  ['Ann Ärmel (work) <a@x.com>', 'a@x.com'],
  ['a@x.com (Ann)', 'a@x.com'],
  [`Ann${nbsp}Lee <a@x.com>`, 'a@x.com'],
  ["o'brien+tag@sub.x-y.com", "o'brien+tag@sub.x-y.com"],
  ['zoë@bücher.example', 'zoë@bücher.example'],
  ['a@[192.0.2.1]', 'a@[192.0.2.1]'],
  ['Team: a@x.com, Bob <b@y.com>;', 'a@x.com', 'b@y.com'],
])('email.send sends to every address of %j', async (to, ...expected) => {
  expect(await recipients(to)).toEqual(expected);
});

test.each([
  'a@x.com b@y.com',
  'a@x.com  b@y.com, c@z.com',
  'Ann <a@x.com> Bob <b@y.com>',
  'Ann <a@x.com> b@y.com',
  'a@x.com <b@y.com>',
  '<a@x.com> <b@y.com>',
  '<a@x.com><b@y.com>',
  'Ann <a@x.com',
  'Ann <a@x.com, b@y.com',
  'Ann <a@x.com, Bob <b@y.com>',
  'a@x.com>, b@y.com',
  'Ann a@x.com>',
  '"Ann <a@x.com>, b@y.com',
  'Ann (b@y.com <a@x.com>',
  'a@x.com (b@y.com)',
  `a@x.com${nbsp}b@y.com`,
  `a@x.com,${nbsp}b@y.com c@z.com`,
  `Ann <a@x.com>${nbsp}Bob <b@y.com>`,
  'a@x.com\u3000b@y.com',
  'a@x.com\u200bb@y.com',
  'a@x.com\uff0cb@y.com',
  'a@x.com\uff1bb@y.com',
  'a@x.com\u3001b@y.com',
  'Ann <a@x.com>\uff0cBob <b@y.com>',
  'a@x.com|b@y.com',
  'a@x.com/b@y.com',
  'a@x.com:b@y.com',
  'a@b@y.com',
  'Team: a@x.com b@y.com;',
  'a@x.com, Team:;, Bob',
  '"a b"@x.com, b@y.com',
  'a@x.com\\, b@y.com',
  'Team:;',
  ',',
])('email.send makes a message to %j Dead, because a recipient would get nothing', async (to) => {
  expect(await recipients(to)).toBe('PermanentError');
  expect(await recipients(['ok@x.com', to])).toBe('PermanentError');
});

test('a text of 200,000 characters is read in time that grows with its length', async () => {
  for (const piece of ['a@', '(', '"', '<', 'a ', 'a:', '\\', 'a@x.com ', '()', '"a"'])
    expect(await recipients(piece.repeat(100_000))).toBe('PermanentError');
  expect(await recipients(`${' '.repeat(200_000)}x`)).toBe('PermanentError');
  expect(await recipients(`"${'\\"'.repeat(100_000)}`)).toBe('PermanentError');
});
