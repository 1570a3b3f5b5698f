import { randomUUID } from 'node:crypto';
import { createServer } from 'node:net';
import { emailSend } from '../../../src/handlers/email.ts';
import type { Attempt } from '../../../src/queue/attempt.ts';
import { attemptOnce } from '../../unit/handlers/one-attempt.ts';
import { smtpError, startMailServer } from './mail-server.ts';
import { readMail } from './read-mail.ts';

const from = 'Orders <orders@example.com>';
const mail = { to: 'ann@example.com', subject: 'Order 7', text: 'It is on its way.' };
const handlerFor = (smtpUrl: string) => emailSend({ smtpUrl, from, folder: '/nowhere' });

test('a mail arrives with the right content, to the right people', async () => {
  await using server = await startMailServer();
  const messageId = randomUUID();
  const payload = {
    ...mail,
    to: ['Ann <ann@example.com>'],
    cc: 'bob@example.com',
    bcc: 'cy@example.com',
    text: 'Zoë\n.\n..two dots',
    attachments: [{ filename: 'a.txt', content: Buffer.from('attached').toString('base64') }],
  };
  expect(await attemptOnce(handlerFor(server.url), payload, { messageId })).toEqual({ kind: 'done' });

  expect(server.received).toHaveLength(1);
  const [{ from: sender, recipients, raw }] = server.received as [(typeof server.received)[0]];
  expect(sender).toBe('orders@example.com');
  expect(recipients).toEqual(['ann@example.com', 'bob@example.com', 'cy@example.com']);
  const { headers, parts } = readMail(raw);
  expect(Object.fromEntries(headers)).toMatchObject({
    from,
    to: 'Ann <ann@example.com>',
    cc: 'bob@example.com',
    subject: 'Order 7',
    'message-id': `<${messageId}.acme@example.com>`,
    'x-idempotency-key': `acme:${messageId}`,
  });
  expect(headers.has('bcc')).toBe(false);
  expect(parts.map(({ text }) => text.replace(/\r\n/g, '\n'))).toEqual([payload.text, 'attached']);
});

test('every attempt has the same Message-ID', async () => {
  await using server = await startMailServer();
  const [handler, messageId] = [handlerFor(server.url), randomUUID()];
  await attemptOnce(handler, mail, { messageId });
  await attemptOnce(handler, mail, { messageId });
  const ids = server.received.map(({ raw }) => readMail(raw).headers.get('message-id'));
  expect(ids).toEqual([`<${messageId}.acme@example.com>`, `<${messageId}.acme@example.com>`]);
});

test('connections are pooled', async () => {
  await using server = await startMailServer();
  const handler = handlerFor(server.url);
  const outcomes = await Promise.all(Array.from({ length: 30 }, () => attemptOnce(handler, mail)));
  expect(outcomes).toEqual(Array(30).fill({ kind: 'done' }));
  expect(server.received).toHaveLength(30);
  expect(server.connections()).toBeLessThanOrEqual(5);
});

test('D8: a tenant whose mails the server holds up leaves connections for the others', async () => {
  await using server = await startMailServer({
    onRcptTo({ address }, _session, callback) {
      if (!address.startsWith('stuck')) callback();
    },
  });
  const handler = handlerFor(server.url);
  const attempts: Attempt[] = [];
  const stuck = Array.from({ length: 16 }, () =>
    attemptOnce(
      handler,
      { ...mail, to: 'stuck@example.com' },
      { tenantId: 'stuck', onStart: (attempt) => attempts.push(attempt) },
    ),
  );
  const others = await Promise.all(
    ['bakery', 'shop', 'bakery'].map((tenantId) =>
      attemptOnce(handler, mail, { tenantId, timeoutMs: 10_000 }),
    ),
  );
  expect(others).toEqual(Array(3).fill({ kind: 'done' }));
  expect(server.connections()).toBeLessThanOrEqual(5);
  for (const attempt of attempts) attempt.abort(new Error('The run stops.'));
  for (const outcome of await Promise.all(stuck)) expect(outcome).toMatchObject({ error: 'The run stops.' });
});

test('mails go out with a login', async () => {
  await using server = await startMailServer({
    authOptional: false,
    allowInsecureAuth: true,
    onAuth({ username, password }, _session, callback) {
      callback(null, username === 'me' && password === 'p@ss/word' ? { user: 'me' } : undefined);
    },
  });
  const url = (password: string) => `smtp://me:${encodeURIComponent(password)}@127.0.0.1:${server.port}`;
  expect(await attemptOnce(handlerFor(url('p@ss/word')), mail)).toEqual({ kind: 'done' });
  const refused = await attemptOnce(handlerFor(url('wrong-secret')), mail);
  expect(refused).toMatchObject({
    kind: 'retry',
    error: expect.stringMatching(/^The mail server refused the login: 535.*MULTI_OUTBOX_SMTP_URL\.$/),
  });
  expect(JSON.stringify(refused)).not.toContain('wrong-secret');
  expect(await attemptOnce(handlerFor(server.url), mail)).toMatchObject({
    kind: 'retry',
    error: expect.stringContaining('530'),
  });
});

describe('what the server’s reply means', () => {
  test.each([
    [550, 'dead', 'refuses the mail: 550 5.1.1 (RCPT TO)'],
    [553, 'dead', 'refuses the mail: 553 5.1.1 (RCPT TO)'],
    [450, 'retry', 'cannot take the mail now: 450 5.1.1 (RCPT TO)'],
    [451, 'retry', 'cannot take the mail now: 451 5.1.1 (RCPT TO)'],
    [421, 'retry', '421'],
  ])('%i for the recipient: %s', async (code, kind, text) => {
    await using server = await startMailServer({
      onRcptTo: ({ address }, _session, callback) =>
        callback(smtpError(code, `5.1.1 <${address}> is the trouble`)),
    });
    const outcome = await attemptOnce(handlerFor(server.url), mail);
    expect(outcome).toMatchObject({ kind, error: expect.stringContaining(text) });
    expect(JSON.stringify(outcome)).not.toMatch(/ann@|trouble/);
  });

  test.each([
    [554, 'dead'],
    [452, 'retry'],
  ])('%i for the content: %s', async (code, kind) => {
    await using server = await startMailServer({
      onData(stream, _session, callback) {
        stream.on('end', () => callback(smtpError(code, 'no'))).resume();
      },
    });
    expect(await attemptOnce(handlerFor(server.url), mail)).toMatchObject({ kind });
  });

  test('a 554 greeting is retried', async () => {
    await using server = await startMailServer({
      onConnect: (_session, callback) => callback(smtpError(554, 'no service')),
    });
    expect(await attemptOnce(handlerFor(server.url), mail)).toMatchObject({ kind: 'retry' });
  });

  test('a refused mail does not harm the next one', async () => {
    await using server = await startMailServer({
      onRcptTo: ({ address }, _session, callback) =>
        callback(address.startsWith('no') ? smtpError(550, 'no such user') : undefined),
    });
    const handler = handlerFor(server.url);
    const recipients = ['no1', 'yes1', 'no2', 'yes2', 'yes3'];
    const outcomes = await Promise.all(
      recipients.map((name) => attemptOnce(handler, { ...mail, to: `${name}@example.com` })),
    );
    expect(outcomes.map(({ kind }) => kind)).toEqual(['dead', 'done', 'dead', 'done', 'done']);
  });
});

describe('accepted for some recipients only', () => {
  const to = ['ann@example.com', 'bob@example.com', 'cy@example.com'];

  test('permanently refused for one: sent to the others, and Dead so that it is noticed', async () => {
    await using server = await startMailServer({
      onRcptTo: ({ address }, _session, callback) =>
        callback(address.startsWith('bob') ? smtpError(550, '5.1.1 no such user') : undefined),
    });
    expect(await attemptOnce(handlerFor(server.url), { ...mail, to })).toMatchObject({
      kind: 'dead',
      error: expect.stringContaining('did not accept the mail for 1 of 3 recipients: 550 5.1.1'),
    });
    expect(server.received[0]!.recipients).toEqual(['ann@example.com', 'cy@example.com']);
  });

  test('temporarily refused for one: retried for all', async () => {
    let attempts = 0;
    await using server = await startMailServer({
      onMailFrom(_address, _session, callback) {
        attempts++;
        callback();
      },
      onRcptTo: ({ address }, _session, callback) =>
        callback(
          attempts === 1 && address.startsWith('bob') ? smtpError(450, '4.2.0 greylisted') : undefined,
        ),
    });
    const handler = handlerFor(server.url);
    expect(await attemptOnce(handler, { ...mail, to })).toMatchObject({ kind: 'retry' });
    expect(await attemptOnce(handler, { ...mail, to })).toEqual({ kind: 'done' });
    expect(server.received.map(({ recipients }) => recipients)).toEqual([
      ['ann@example.com', 'cy@example.com'],
      to,
    ]);
  });
});

describe('when the server cannot be used', () => {
  test('a refused connection is retried', async () => {
    const server = await startMailServer();
    await server[Symbol.asyncDispose]();
    expect(await attemptOnce(handlerFor(server.url), mail)).toMatchObject({
      kind: 'retry',
      error:
        'The mail could not be handed to the mail server: ESOCKET ECONNREFUSED; check MULTI_OUTBOX_SMTP_URL, and that the server runs. Each retry of the message sends the mail again.',
    });
  });

  test('once the server is back, the same handler works', async () => {
    let down = true;
    await using server = await startMailServer({
      onConnect: (_session, callback) => callback(down ? smtpError(421, 'busy') : undefined),
    });
    const handler = handlerFor(server.url);
    expect(await attemptOnce(handler, mail)).toMatchObject({ kind: 'retry' });
    down = false;
    expect(await attemptOnce(handler, mail)).toEqual({ kind: 'done' });
  });

  test('an untrusted certificate is retried, and no mail is sent unencrypted', async () => {
    await using server = await startMailServer({ hideSTARTTLS: false });
    const outcome = await attemptOnce(handlerFor(server.url), mail);
    expect(outcome).toMatchObject({
      kind: 'retry',
      error: expect.stringContaining('could not be handed to the mail server: E'),
    });
    expect(server.received).toEqual([]);
  });

  test('without any sender, the settings are wrong, so the mail is retried', async () => {
    const handler = emailSend({ smtpUrl: 'smtp://127.0.0.1:1', folder: '/nowhere' });
    expect(await attemptOnce(handler, mail)).toMatchObject({
      kind: 'retry',
      error: "The mail has no sender: give the payload a 'from', or set MULTI_OUTBOX_MAIL_FROM.",
    });
  });

  test('when the signal fires while the server is silent, the connection is closed', async () => {
    let closed!: () => void;
    const gone = new Promise<void>((resolve) => {
      closed = resolve;
    });
    const silent = createServer();
    const reason = new Error('The run stops.');
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as { port: number };
    const outcome = await attemptOnce(handlerFor(`smtp://127.0.0.1:${port}`), mail, {
      onStart: (attempt) =>
        silent.once('connection', (socket) => {
          socket.on('close', closed).resume();
          attempt.abort(reason);
        }),
    });
    expect(outcome).toMatchObject({ kind: 'retry', error: 'The run stops.' });
    await gone;
    await new Promise((resolve) => silent.close(resolve));
  });
});

test.each([
  'mail.example.com',
  'http://mail.example.com',
  'smtp://',
  'smtps://me:pa ss@',
  'smtps://me:100%@mail.example.com',
])('an SMTP URL such as %j is refused at start, without being shown', (smtpUrl) => {
  const create = () => emailSend({ smtpUrl, from, folder: '/nowhere' });
  expect(create).toThrow(expect.objectContaining({ code: 'INVALID_CONFIGURATION' }));
  expect(create).not.toThrow(/pa ss|http:/);
});
