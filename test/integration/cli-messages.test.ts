import { type CliFolder, cliFolder } from '../support/cli-process.ts';

const env = { MULTI_OUTBOX_UNHANDLED_TOPICS: 'dead', COLUMNS: '80' };

let folder: CliFolder;
const ids: Record<string, string> = {};

/** A Dead message of each tenant, and a Ready one of acme. */
beforeEach(async () => {
  folder = cliFolder();
  await folder.json(['tenants', 'add', 'acme']);
  await folder.json(['tenants', 'add', 'beta']);
  const enqueue = async (tenant: string, topic: string, ...more: string[]) =>
    (await folder.json<{ messageId: string }>(['enqueue', tenant, topic, `payload of ${tenant}`, ...more]))
      .messageId;
  ids.acme = await enqueue('acme', 'a.topic');
  ids.beta = await enqueue('beta', 'a.topic');
  await folder.json(['tick'], { env });
  ids.late = await enqueue('acme', 'a.topic', '--due', '1h', '--ordering-key', 'K');
});
afterEach(() => folder.remove());

interface Listed {
  messages: {
    messageId: string;
    tenantId: string;
    state: string;
    version: string;
    endReason: string | null;
  }[];
  cursor: string | null;
  cut: unknown[];
}
const list = (...args: string[]) => folder.json<Listed>(['messages', 'list', ...args]);

test('S3: messages list finds messages of every state, page after page over the tenants, without payloads', async () => {
  const all = await list('--all');
  expect(all.messages.map(({ messageId, state }) => [messageId, state])).toEqual([
    [ids.late, 'ready'],
    [ids.acme, 'dead'],
    [ids.beta, 'dead'],
  ]);
  expect(all.cursor).toBeNull();
  expect(JSON.stringify(all)).not.toContain('payload of');
  const seen: string[] = [];
  let cursor: string | null = null;
  do {
    const page: Listed = await list(
      '--all',
      '--limit',
      '1',
      ...(cursor === null ? [] : ['--cursor', cursor]),
    );
    seen.push(...page.messages.map(({ messageId }) => messageId));
    cursor = page.cursor;
  } while (cursor !== null);
  expect(seen).toEqual(all.messages.map(({ messageId }) => messageId));
  const text = await folder.cli(['messages', 'list', '--all', '--limit', '2']);
  expect(text.stdout).toMatch(/^Tenant +Message +State +Topic/);
  expect(text.stdout).toMatch(/\n\n2 messages shown\.\nMore: --cursor acme@all\.\d+\.\n$/);
});

test('S3: messages list selects by its options, and searches the payloads of one tenant', async () => {
  const found = async (...args: string[]) => (await list(...args)).messages.map(({ messageId }) => messageId);
  expect(await found('--all', '--state', 'ready')).toEqual([ids.late]);
  expect(await found('--all', '--key', 'K')).toEqual([ids.late]);
  expect(await found('--all', '--error', 'NO HANDLER')).toEqual([ids.acme, ids.beta]);
  expect(await found('--all', '--since', '2999-01-01')).toEqual([]);
  expect(await found('--tenant', 'beta', '--payload', 'of beta')).toEqual([ids.beta]);
  const refused = await folder.cli(['messages', 'list', '--all', '--payload', 'of beta']);
  expect([refused.code, refused.stderr]).toEqual([
    2,
    expect.stringMatching(/^error: --payload .* one --tenant/),
  ]);
  const cut = await folder.cli(['messages', 'list', '--tenant', 'acme', '--topic', 'none', '--examine', '1']);
  expect(cut.stdout).toMatch(/^The search in acme was cut .*\nMore: --cursor acme@all\.\d+\.\n$/);
});

test('S3: edit replaces a message, reschedule and cancel change one that waits, and each refuses what has moved', async () => {
  const [{ version }] = (await list('--tenant', 'beta')).messages as [Listed['messages'][0]];
  const edit = ['messages', 'edit', ids.beta!, 'corrected', '--tenant', 'beta'];
  const wrong = await folder.cli([...edit, '--if-version', 'another']);
  expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('has changed since it was read')]);
  const edited = await folder.json<{ messageId: string }>([
    ...edit,
    '--if-version',
    version,
    '--reason',
    'a typo',
  ]);
  expect(edited).toMatchObject({ replaced: ids.beta, schemaChecked: false });
  const shown = await folder.cli(['messages', 'show', ids.beta!, '--tenant', 'beta']);
  expect(shown.stdout).toMatch(/^State +cancelled$/m);
  expect(shown.stdout).toMatch(new RegExp(`^Reason +Replaced by message ${edited.messageId}: a typo$`, 'm'));
  const now = ['messages', 'reschedule', ids.late!, '--tenant', 'acme', '--delay', '0s', '--yes'];
  expect(await folder.json(now)).toMatchObject({ action: 'reschedule', changed: true, count: 1 });
  const cancel = ['messages', 'cancel', '--tenant', 'acme', '--state', 'ready', '--reason', 'not needed'];
  expect((await folder.cli(cancel)).stdout).toBe(
    '1 message would be cancelled. Nothing was changed; add --yes to make the change.\n',
  );
  expect(await folder.json([...cancel, '--yes'])).toMatchObject({ count: 1 });
  expect((await list('--tenant', 'acme', '--state', 'cancelled')).messages).toMatchObject([
    { messageId: ids.late, endReason: 'not needed' },
  ]);
});

test('S3: an act on all that match is an operation, which is listed, shown and resumed; the record names who did what', async () => {
  const { operationId } = await folder.json<{ operationId: string }>(['dead', 'replay', '--all', '--yes']);
  const { operations } = await folder.json<{ operations: unknown[] }>(['operations', 'list']);
  expect(operations).toMatchObject([{ id: operationId, state: 'done', changed: 2, counted: 2 }]);
  expect((await folder.cli(['operations', 'list'])).stdout).toMatch(
    new RegExp(`^${operationId} +done +replay +2 of 2`, 'm'),
  );
  expect((await folder.cli(['operations', 'show', operationId])).stdout).toMatch(/^Changed +2$/m);
  expect(await folder.json(['operations', 'resume', operationId])).toMatchObject({
    operation: { state: 'done', changed: 2 },
  });
  const late = await folder.cli(['operations', 'cancel', operationId]);
  expect([late.code, late.stderr]).toEqual([1, expect.stringContaining('has ended already')]);
  const { acts } = await folder.json<{ acts: { act: string; actor: string }[] }>(['audit', 'list']);
  expect(acts.map(({ act }) => act)).toEqual([
    'operation-cancel',
    'operation-resume',
    'operation-resume',
    'operation-start',
  ]);
  expect(acts[0]!.actor).toMatch(/^.+@.+$/);
  expect((await folder.cli(['audit', 'list', '--operation', operationId])).stdout).toMatch(
    /^ *Id +Time +By +Act[\s\S]* 2 +act=replay, states=dead/,
  );
});

test('S3: an operation on tenants is listed, shown, resumed and cancelled like one on messages', async () => {
  const { stdout } = await folder.script(`
    const multiOutbox = library.createMultiOutbox();
    const tenants = ['acme', 'beta', 'nobody'];
    const overrides = { batchSize: 25, concurrency: null };
    for (const act of [{ act: 'pause' }, { act: 'change-overrides', overrides }])
      console.log((await multiOutbox.operations.create({ ...act, tenants })).operation.id);
    await multiOutbox.close();`);
  const [pausing, changing] = stdout.trim().split('\n') as [string, string];
  const resumed = await folder.cli(['operations', 'resume', pausing]);
  expect(resumed.code).toBe(1);
  expect(resumed.stdout).toMatch(/^State +done, 1 tenant failed$/m);
  expect(resumed.stdout).toMatch(/^nobody: UNKNOWN_TENANT: /m);
  expect(resumed.stderr).toContain("Tenant 'nobody' failed with UNKNOWN_TENANT");
  const listed = (await folder.cli(['operations', 'list'])).stdout;
  expect(listed).toMatch(new RegExp(`^${pausing} +done, 1 tenant failed +pause +2 of 2 tenants`, 'm'));
  expect(listed).toMatch(new RegExp(`^${changing} +counted +change-overrides +0 of 2 tenants`, 'm'));
  const { stdout: shown } = await folder.cli(['operations', 'show', changing]);
  expect(shown).toMatch(/^Overrides +batchSize=25, concurrency=the fleet's$/m);
  expect(shown).toMatch(/^Tenants +acme, beta, nobody$/m);
  expect((await folder.cli(['operations', 'cancel', changing])).stdout).toBe(
    `Operation ${changing} is cancelled; it had changed 0 tenants.\n`,
  );
  const { tenants } = await folder.json<{ tenants: object[] }>(['tenants', 'list']);
  expect(tenants).toMatchObject([
    { id: 'acme', status: 'paused', overrides: {} },
    { id: 'beta', status: 'paused', overrides: {} },
  ]);
});

test('S3: dead list --by error groups the errors over the fleet', async () => {
  await folder.json(['tenants', 'add', 'void', '--no-migrate']);
  const { code, stdout } = await folder.cli(['dead', 'list', '--all', '--by', 'error']);
  expect(code).toBe(1);
  expect(stdout).toMatch(/^Error +Count +Tenants +First +Last +Text +In\n/);
  expect(stdout).toMatch(/^[0-9a-f]{12} +2 +2 .* acme, beta$/m);
  expect(stdout).toContain('2 Dead messages in 1 group, in 2 of 3 tenants; 1 could not be read.\n');
  const { stdout: json } = await folder.cli(['dead', 'list', '--all', '--by', 'error', '--json']);
  expect(JSON.parse(json)).toMatchObject({
    groups: [{ count: 2, tenants: 2, tenantIds: ['acme', 'beta'] }],
    failures: [{ tenantId: 'void', code: 'DATABASE_MISSING' }],
  });
});

test('a page says how many of the tenants it has read, and does not count those behind it', async () => {
  const { code, stderr } = await folder.script(`
    const multiOutbox = library.createMultiOutbox();
    for (let number = 0; number < 10; number++) await multiOutbox.tenants.add({ id: 'void-' + number });
    await multiOutbox.close();
  `);
  expect([code, stderr]).toEqual([0, '']);
  // Eight tenants at once are read: acme, beta and six without a database.
  const { stdout } = await folder.cli(['messages', 'list', '--all', '--limit', '1']);
  expect(stdout).toContain('\n1 message shown in 2 of 12 tenants; 6 could not be read.\n');
  expect(stdout).toContain('\nMore: --cursor acme@');
});
