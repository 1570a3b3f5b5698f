import { randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { emailSend } from '../../../src/handlers/email.ts';
import { attemptOnce } from '../../unit/handlers/one-attempt.ts';
import { readMail } from './read-mail.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'multi-outbox-mail-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const read = async (messageId: string, tenantId = 'acme') =>
  readMail(await readFile(join(folder, 'deep', tenantId, `${messageId}.eml`), 'utf8'));
const handler = (from?: string) => emailSend({ folder: join(folder, 'deep'), ...(from && { from }) });

test('a mail becomes one file with all that it says', async () => {
  const messageId = randomUUID();
  const payload = {
    to: 'Ann Ärmel <ann@example.com>, bob@example.com',
    cc: ['cy@example.com'],
    bcc: 'dot@example.com',
    replyTo: 'help@example.com',
    subject: 'Grüße 🚀',
    text: 'Olá\nsecond line\n.\nafter a lone dot',
    html: '<p>Olá</p>',
    headers: { 'X-Campaign': 'spring', References: '<a@b>' },
    attachments: [
      {
        filename: 'rechnung ä.txt',
        content: Buffer.from('total: 7 €').toString('base64'),
        contentType: 'text/plain',
      },
    ],
  };
  const outcome = await attemptOnce(handler('Orders <orders@bücher.example>'), payload, { messageId });
  expect(outcome).toEqual({ kind: 'done' });

  const mail = await read(messageId);
  expect(Object.fromEntries(mail.headers)).toMatchObject({
    from: 'Orders <orders@xn--bcher-kva.example>',
    to: expect.stringMatching(/^=\?UTF-8\?.*\?= <ann@example\.com>, bob@example\.com$/),
    cc: 'cy@example.com',
    bcc: 'dot@example.com',
    'reply-to': 'help@example.com',
    subject: expect.stringContaining('=?UTF-8?'),
    'message-id': `<${messageId}.acme@xn--bcher-kva.example>`,
    'x-idempotency-key': `acme:${messageId}`,
    'x-campaign': 'spring',
    references: '<a@b>',
    'mime-version': '1.0',
  });
  const [content, attached] = mail.parts;
  expect(content!.parts.map(({ text }) => text.replace(/\r\n/g, '\n'))).toEqual([payload.text, payload.html]);
  expect(attached!.text).toBe('total: 7 €');
  expect(attached!.headers.get('content-disposition')).toMatch(/^attachment; filename/);
});

test('Q15: a payload that has its recipients twice is Dead, and no mail is written', async () => {
  const payload = '{"to":"ann@example.com","to":"bob@example.com","text":"Hi"}';
  expect(await attemptOnce(handler(), payload)).toMatchObject({
    kind: 'dead',
    error: expect.stringContaining('a field twice'),
  });
  expect(readdirSync(folder)).toEqual([]);
});

test('the first mail works without any setting', async () => {
  const messageId = randomUUID();
  expect(await attemptOnce(handler(), { to: 'ann@example.com', text: 'Hi' }, { messageId })).toEqual({
    kind: 'done',
  });
  const { headers, text } = await read(messageId);
  expect(headers.get('from')).toBe('multi-outbox@localhost');
  expect(headers.get('message-id')).toBe(`<${messageId}.acme@localhost>`);
  expect(text).toBe('Hi');
});

test('the payload’s sender overrides the settings’', async () => {
  const messageId = randomUUID();
  const payload = { from: 'Own <own@example.org>', to: 'ann@example.com', text: 'Hi' };
  await attemptOnce(handler('orders@example.com'), payload, { messageId });
  expect((await read(messageId)).headers.get('from')).toBe('Own <own@example.org>');
});

test('a duplicate overwrites its own file, and only that', async () => {
  const [first, second] = [randomUUID(), randomUUID()];
  const mail = { to: 'ann@example.com', text: 'Hi' };
  await attemptOnce(handler(), mail, { messageId: first });
  await attemptOnce(handler(), { ...mail, text: 'Hi again' }, { messageId: first });
  await attemptOnce(handler(), mail, { messageId: second });
  await attemptOnce(handler(), mail, { messageId: first, tenantId: 'other.tenant' });
  expect((await readdir(join(folder, 'deep', 'acme'))).sort()).toEqual(
    [`${first}.eml`, `${second}.eml`].sort(),
  );
  expect((await read(first)).text).toBe('Hi again');
  expect((await read(first, 'other.tenant')).headers.get('message-id')).toBe(
    `<${first}.other-tenant@localhost>`,
  );
});

test('many at once, with duplicates, leave only complete files', async () => {
  const send = handler();
  const ids = Array.from({ length: 20 }, () => randomUUID());
  const text = 'x'.repeat(70).concat('\n').repeat(3_000);
  const outcomes = await Promise.all(
    [...ids, ...ids, ...ids].map((messageId) =>
      attemptOnce(send, { to: 'ann@example.com', text }, { messageId }),
    ),
  );
  expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(['done']));
  expect((await readdir(join(folder, 'deep', 'acme'))).sort()).toEqual(ids.map((id) => `${id}.eml`).sort());
  for (const id of ids) expect((await read(id)).text.replace(/\r\n/g, '\n').trimEnd()).toBe(text.trimEnd());
});

test('only the owner may read a mail', async () => {
  const messageId = randomUUID();
  await attemptOnce(handler(), { to: 'ann@example.com', text: 'Hi' }, { messageId });
  const { mode } = await stat(join(folder, 'deep', 'acme', `${messageId}.eml`));
  expect(mode & 0o077).toBe(0);
});

test('a folder that cannot be written causes a retry and leaves no file', async () => {
  await writeFile(join(folder, 'deep'), 'in the way');
  expect(await attemptOnce(handler(), { to: 'ann@example.com', text: 'Hi' })).toMatchObject({
    kind: 'retry',
  });
  expect(await readdir(folder)).toEqual(['deep']);
});

test('an aborted attempt writes no file', async () => {
  const outcome = await attemptOnce(
    handler(),
    { to: 'ann@example.com', text: 'Hi' },
    { onStart: (attempt) => attempt.abort(new Error('The run stops.')) },
  );
  expect(outcome).toMatchObject({ kind: 'retry', error: 'The run stops.' });
  expect(await readdir(folder)).toEqual([]);
});

test.each(['../evil', '..', 'a/b', '.hidden', ''])('tenant id %j never becomes a path', async (tenantId) => {
  const outcome = await attemptOnce(handler(), { to: 'ann@example.com', text: 'Hi' }, { tenantId });
  expect(outcome).toMatchObject({
    kind: 'retry',
    error: expect.stringContaining('cannot be used as a file name'),
  });
  expect(await readdir(folder)).toEqual([]);
});

test.each(['../../evil', 'x', `${randomUUID()}/..`])(
  'message id %j never becomes a path',
  async (messageId) => {
    expect(await attemptOnce(handler(), { to: 'ann@example.com', text: 'Hi' }, { messageId })).toMatchObject({
      kind: 'retry',
    });
    expect(await readdir(folder)).toEqual([]);
  },
);

test.each([
  ['to', { to: 'bob' }],
  ['to', { to: ['ann@example.com', 'bob'] }],
  ['to', { to: 'ann@example.com, bob' }],
  ['cc', { to: 'ann@example.com', cc: 'a b' }],
  ['from', { to: 'ann@example.com', from: '<>' }],
  ['replyTo', { to: 'ann@example.com', replyTo: 'x@' }],
])(
  'text in %s that is not an address makes the message Dead; it is not left out: %j',
  async (field, addresses) => {
    expect(await attemptOnce(handler(), { ...addresses, text: 'Hi' })).toEqual({
      kind: 'dead',
      error: `The payload's '${field}' contains text that is not a mail address; give addresses such as ann@example.com, with commas between them.`,
    });
  },
);

test('two senders are Dead', async () => {
  expect(
    await attemptOnce(handler(), { to: 'a@example.com', from: 'b@example.com, c@example.com', text: 'Hi' }),
  ).toMatchObject({ kind: 'dead', error: expect.stringContaining("'from' has more than one") });
});

test('headers named key and value are headers like others', async () => {
  const messageId = randomUUID();
  const headers = { key: 'Bcc', value: 'eve@example.com' };
  await attemptOnce(handler(), { to: 'ann@example.com', text: 'Hi', headers }, { messageId });
  const mail = await read(messageId);
  expect(mail.headers.has('bcc')).toBe(false);
  expect(Object.fromEntries(mail.headers)).toMatchObject(headers);
});

test('D8: few mails are written at a time, so that they leave threads for other work, and tenants take turns', async () => {
  const tenants = ['acme', 'shop'];
  for (const tenant of tenants) await mkdir(join(folder, 'deep', tenant), { recursive: true });
  const one = handler();
  // Large ones, so that several would be written at once.
  const mail = { to: 'ann@example.com', text: 'x'.repeat(2_000_000) };
  let pending = 24;
  const sent = Array.from({ length: pending }, (_, n) =>
    attemptOnce(one, mail, { tenantId: tenants[n % 4 === 3 ? 1 : 0]! }).finally(() => pending--),
  );
  let most = 0;
  while (pending > 0) {
    const beingWritten = tenants.flatMap((tenant) =>
      readdirSync(join(folder, 'deep', tenant)).filter((name) => name.startsWith('.')),
    );
    most = Math.max(most, beingWritten.length);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await Promise.all(sent)).toEqual(Array(24).fill({ kind: 'done' }));
  expect(most).toBeGreaterThan(0);
  expect(most).toBeLessThanOrEqual(2);
});

test('a configured folder that is a link is used, because the operator has set it', async () => {
  await mkdir(join(folder, 'deep'));
  await symlink(join(folder, 'deep'), join(folder, 'link'), 'junction');
  const messageId = randomUUID();
  const linked = emailSend({ folder: join(folder, 'link') });
  expect(await attemptOnce(linked, { to: 'ann@example.com', text: 'Hi' }, { messageId })).toEqual({
    kind: 'done',
  });
  expect((await read(messageId)).text).toBe('Hi');
});

test("a link in place of the tenant's folder is not followed, so that no mail is written elsewhere", async () => {
  const elsewhere = join(folder, 'elsewhere');
  await mkdir(elsewhere);
  await mkdir(join(folder, 'deep'));
  await symlink(elsewhere, join(folder, 'deep', 'acme'), 'junction');
  const outcome = await attemptOnce(handler(), { to: 'ann@example.com', text: 'Hi' });
  expect(outcome).toMatchObject({ kind: 'retry', error: expect.stringContaining('is a link') });
  expect(await readdir(elsewhere)).toEqual([]);
});
