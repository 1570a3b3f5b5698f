import { type CliFolder, type CliOptions, cliFolder } from '../support/cli-process.ts';

let folder: CliFolder;
beforeEach(async () => {
  folder = cliFolder();
  await folder.json(['tenants', 'add', 'acme']);
});
afterEach(() => folder.remove());

interface Enqueued {
  tenantId: string;
  topic: string;
  messageId: string;
  status: string;
}

const enqueue = (args: readonly string[], options?: CliOptions) =>
  folder.json<Enqueued>(['enqueue', 'acme', ...args], options);

/** Makes the message Dead, so that `dead show` prints its payload. */
async function storedPayload(messageId: string): Promise<string> {
  await folder.json(['tick'], { env: { MULTI_OUTBOX_UNHANDLED_TOPICS: 'dead' } });
  const { message } = await folder.json<{ message: { payload: string } }>([
    'dead',
    'show',
    messageId,
    '--tenant',
    'acme',
  ]);
  return message.payload;
}

test('enqueue prints the id of the message, and whether it is a duplicate (Q3)', async () => {
  const first = await folder.cli(['enqueue', 'acme', 'note', 'x', '--dedup-key', 'order-1']);
  const id = /^Enqueued message ([0-9a-f-]{36})\.\n$/.exec(first.stdout)?.[1];
  const second = await folder.cli(['enqueue', 'acme', 'note', 'x', '--dedup-key', 'order-1']);
  expect([second.code, second.stdout]).toEqual([0, `Duplicate of message ${id}; nothing was stored.\n`]);
  expect(await enqueue(['note', 'x', '--dedup-key', 'order-1'])).toEqual({
    tenantId: 'acme',
    topic: 'note',
    messageId: id,
    status: 'duplicate',
  });
});

test.each<[string, string[], (text: string) => CliOptions]>([
  ['an argument', ['TEXT'], () => ({})],
  ['a file', ['@payload.txt'], () => ({})],
  ['standard input, asked for', ['-'], (input) => ({ input })],
  ['standard input, piped', [], (input) => ({ input })],
])('Q14: a payload from %s comes back as it was', async (_name, args, options) => {
  const text = '\ufeff{ "name":  "Žofie 🦆" }\r\n\t…';
  folder.write('payload.txt', text);
  const given = args.map((argument) => (argument === 'TEXT' ? text : argument));
  const { messageId } = await enqueue(['no.handler', ...given], options(text));
  expect(await storedPayload(messageId)).toBe(text);
});

test('Q14: emoji and NUL, and 10 MB, come back byte for byte', async () => {
  const odd = await enqueue(['no.handler', '-'], { input: 'a\u0000b🧨' });
  expect(await storedPayload(odd.messageId)).toBe('a\u0000b🧨');
  const large = 'ä'.repeat(5_000_000);
  const { messageId } = await enqueue(['no.handler'], { input: large });
  const shown = await folder.cli(['dead', 'show', messageId, '--tenant', 'acme', '--payload']).catch(String);
  expect(shown).toMatchObject({ code: 1, stderr: expect.stringContaining('shows only Dead messages') });
  expect((await storedPayload(messageId)) === large).toBe(true);
});

test('bytes that are not UTF-8, a missing file and a missing payload are wrong usage', async () => {
  folder.write('latin1.txt', new Uint8Array([0x61, 0xff]));
  const refused = async (args: string[], options?: CliOptions) => {
    const { code, stdout, stderr } = await folder.cli(['enqueue', 'acme', 'note', ...args], options);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    return stderr;
  };
  expect(await refused(['-'], { input: new Uint8Array([0xc3]) })).toMatch(
    /^error: Standard input is not valid UTF-8.*\n$/,
  );
  expect(await refused(['@latin1.txt'])).toMatch(/^error: File 'latin1.txt' is not valid UTF-8.*\n$/);
  expect(await refused(['@missing.txt'])).toMatch(/^error: File 'missing.txt' does not exist;.*\n$/);
  expect(await refused(['@.'])).toMatch(/^error: File '.' is a folder;.*\n$/);
  expect(await refused([])).toMatch(/^error: The payload is missing; .*\n$/);
});

test('malformed JSON is stored as text, and refused where JSON is required, without showing it', async () => {
  expect(await enqueue(['note', '{"secret": tru'])).toMatchObject({ status: 'enqueued' });
  const { code, stderr } = await folder.cli(['enqueue', 'acme', 'note', '{"secret": tru', '--require-json']);
  expect(code).toBe(2);
  expect(stderr).toMatch(/^error: The payload is not valid JSON.*\n$/);
  expect(stderr).not.toContain('secret');
  expect(await enqueue(['note', '{"a":1}', '--require-json'])).toMatchObject({ status: 'enqueued' });
});

test('an invalid message is refused with one line', async () => {
  const lines = await Promise.all(
    [
      ['note', 'x', '--due', '-5s'],
      ['note', 'x', '--due', 'soon'],
      ['x'.repeat(1_000), 'x'],
      ['note', 'x', '--header', 'no-equals-sign'],
      ['note', 'x', '--header', 'k=1', '--header', 'k=2'],
      ['note', 'x', '--message-id', 'not-a-uuid'],
    ].map((args) => folder.cli(['enqueue', 'acme', ...args])),
  );
  for (const { code, stdout, stderr } of lines) {
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^error: [^\n]{10,300}\n$/);
  }
  const unknown = await folder.cli(['enqueue', 'nobody', 'note', 'x']);
  expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringMatching(/^error: .*'nobody'.*\n$/)]);
});

test('every part of a message reaches the queue, and a delayed one waits (Q11)', async () => {
  const parts =
    '--ordering-key account-1 --dedup-key d1 --correlation-id c1 --message-id 0190a9f0-3333-7000-8000-000000000001 --header a=1 --header b=x=y';
  const { messageId } = await enqueue(['no.handler', 'text', ...parts.split(' ')]);
  await enqueue(['no.handler', 'later', '--due', '1h']);
  expect(messageId).toBe('0190a9f0-3333-7000-8000-000000000001');
  const tick = await folder.json(['tick'], { env: { MULTI_OUTBOX_UNHANDLED_TOPICS: 'dead' } });
  expect(tick).toMatchObject({ runs: [{ tenantId: 'acme', counts: { dead: 1 } }] });
  expect(await folder.json(['dead', 'show', messageId, '--all'])).toMatchObject({
    message: {
      tenantId: 'acme',
      topic: 'no.handler',
      payload: 'text',
      orderingKey: 'account-1',
      dedupKey: 'd1',
      correlationId: 'c1',
      headers: { a: '1', b: 'x=y' },
    },
  });
});

test('F7: enqueue wakes the tenant, unless --no-wake is given', async () => {
  // The next due time is later than the commands below need, however slow the machine is.
  await folder.json(['tick'], { env: { MULTI_OUTBOX_IDLE_FLOOR: '10m' } });
  const due = async () =>
    Date.parse(
      (await folder.json<{ tenant: { schedule: { nextDueUtc: string } } }>(['tenants', 'show', 'acme']))
        .tenant.schedule.nextDueUtc,
    );
  const scheduled = await due();
  await enqueue(['note', 'x', '--no-wake']);
  expect(await due()).toBe(scheduled);
  await enqueue(['note', 'x']);
  expect(await due()).toBeLessThan(scheduled);
});
