import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type CliFolder, cliFolder } from '../support/cli-process.ts';
import { until } from '../support/until.ts';

const env = { MULTI_OUTBOX_UNHANDLED_TOPICS: 'dead' };

let folder: CliFolder;
let ids: { acme: string; acmeOther: string; beta: string };

/** Two Dead messages of acme, of two topics, and one of beta. */
beforeEach(async () => {
  folder = cliFolder();
  await folder.json(['tenants', 'add', 'acme']);
  await folder.json(['tenants', 'add', 'beta']);
  const enqueue = async (tenant: string, topic: string) =>
    (await folder.json<{ messageId: string }>(['enqueue', tenant, topic, `payload of ${tenant}`])).messageId;
  ids = {
    acme: await enqueue('acme', 'a.topic'),
    acmeOther: await enqueue('acme', 'other.topic'),
    beta: await enqueue('beta', 'a.topic'),
  };
  await folder.json(['tick'], { env });
});
afterEach(() => folder.remove());

interface Listed {
  count: number;
  messages: { tenantId: string; messageId: string; attempts: number }[];
  failures: { tenantId: string; code: string }[];
}

const list = (...args: string[]) => folder.json<Listed>(['dead', 'list', ...args]);
const listedIds = async (...args: string[]) =>
  (await list(...args)).messages.map(({ messageId }) => messageId).sort();

test('dead list shows one tenant, several or all, without payloads', async () => {
  const { stdout, code } = await folder.cli(['dead', 'list', '--all']);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Tenant +Message +Topic +Attempts +Replays +Age +Last error/);
  expect(stdout).toMatch(new RegExp(`^acme +${ids.acme} +a\\.topic +\\d`, 'm'));
  expect(stdout).toContain('3 Dead messages.');
  expect(stdout).not.toContain('payload of');
  expect(JSON.stringify(await list('--all'))).not.toContain('payload of');
  expect(await listedIds('--tenant', 'acme')).toEqual([ids.acme, ids.acmeOther].sort());
  expect(await listedIds('--tenant', 'acme', '--tenant', 'beta')).toEqual(Object.values(ids).sort());
});

test('dead list filters by topic, whatever its case, and by age, and is cut by --limit', async () => {
  expect(await listedIds('--all', '--topic', 'A.TOPIC')).toEqual([ids.acme, ids.beta].sort());
  expect(await listedIds('--all', '--older-than', '1h')).toEqual([]);
  expect(await listedIds('--all', '--older-than', '0ms')).toHaveLength(3);
  expect(await list('--all', '--limit', '1')).toMatchObject({ count: 3, messages: [{ tenantId: 'acme' }] });
  const cut = ['dead', 'list', '--tenant', 'acme', '--examine', '1'];
  expect((await folder.cli(cut)).stdout).toContain(
    '\n\nAt least 1 Dead message.\nThe search in acme was cut',
  );
  expect(await folder.json(cut)).toMatchObject({ count: 1, atLeast: true });
  expect((await folder.cli(['dead', 'list', '--all', '--older-than', '1h'])).stdout).toBe(
    'No Dead message matches.\n',
  );
});

test('the tenants must always be selected', async () => {
  for (const command of ['list', 'replay', 'discard']) {
    const { code, stderr } = await folder.cli(['dead', command]);
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/^error: No tenant was selected; .*--all\.\n$/),
    ]);
  }
  const unknown = await folder.cli(['dead', 'list', '--tenant', 'nobody']);
  expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringMatching(/^error: .*'nobody'.*\n$/)]);
});

test('dead show prints one message with its payload, found in whichever tenant', async () => {
  const { code, stdout } = await folder.cli(['dead', 'show', ids.beta, '--all']);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Tenant +beta$/m);
  expect(stdout).toMatch(/\n\npayload of beta\n$/);
  const payload = await folder.cli(['dead', 'show', ids.beta, '--all', '--payload']);
  expect(payload.stdout).toBe('payload of beta');
  const missing = await folder.cli(['dead', 'show', ids.beta, '--tenant', 'acme']);
  expect([missing.code, missing.stderr]).toEqual([
    1,
    expect.stringMatching(/^error: Message .* was not found;.*\n$/),
  ]);
});

test('Q13: replay counts first, and acts with --yes', async () => {
  const before = await folder.cli(['dead', 'replay', '--all', '--topic', 'a.topic']);
  expect(before.code).toBe(0);
  expect(before.stdout).toBe(
    'acme: 1\nbeta: 1\n2 Dead messages would be replayed. Nothing was changed; add --yes to make the change.\n',
  );
  expect(await list('--all')).toMatchObject({ count: 3 });
  expect(await folder.json(['dead', 'replay', '--all', '--topic', 'a.topic', '--yes'])).toEqual({
    action: 'replay',
    changed: true,
    count: 2,
    atLeast: false,
    tenants: [
      { tenantId: 'acme', count: 1, atLeast: false },
      { tenantId: 'beta', count: 1, atLeast: false },
    ],
    failures: [],
    operationId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    state: 'done',
    takenOver: false,
  });
  expect(await listedIds('--all')).toEqual([ids.acmeOther]);
  await folder.json(['tick'], { env });
  const again = await list('--all', '--topic', 'a.topic');
  expect(again).toMatchObject({ count: 2, messages: [{ replayCount: 1 }, { replayCount: 1 }] });
});

test('discard with --yes deletes the named messages permanently', async () => {
  const before = await folder.cli(['dead', 'discard', ids.acme, '--tenant', 'acme']);
  expect(before.stdout).toBe(
    '1 Dead message would be deleted permanently. Nothing was changed; add --yes to make the change.\n',
  );
  const after = await folder.cli(['dead', 'discard', ids.acme, '--tenant', 'acme', '--yes']);
  expect([after.code, after.stdout]).toEqual([
    0,
    expect.stringMatching(/^1 Dead message deleted permanently\. This was operation [0-9a-f-]{36}\.\n$/),
  ]);
  expect(await listedIds('--all')).toEqual([ids.acmeOther, ids.beta].sort());
});

/** Runs an act of one tenant, whose database is locked until `meanwhile` has changed the operation that it waits in. */
async function changedMeanwhile(
  meanwhile: (operationId: string, registry: DatabaseSync) => Promise<unknown>,
) {
  const tenant = new DatabaseSync(path.join(folder.path, '.data/tenants/acme.db'));
  const registry = new DatabaseSync(path.join(folder.path, '.data/registry.db'), { timeout: 15_000 });
  try {
    tenant.exec('BEGIN IMMEDIATE');
    const act = folder.start(['dead', 'replay', '--tenant', 'acme', '--yes', '--json']);
    const running = "SELECT Id FROM Operations WHERE State = 'running'";
    const { Id: id } = (await until('the operation runs', () => registry.prepare(running).get())) as {
      Id: string;
    };
    await meanwhile(id, registry);
    tenant.exec('COMMIT');
    const { code, stdout, stderr } = await act.ended;
    return { id, code, result: JSON.parse(stdout) as object, error: JSON.parse(stderr) as object };
  } finally {
    tenant.close();
    registry.close();
  }
}

test('S3: an act that is cancelled meanwhile fails, and says what it has changed', async () => {
  const { id, code, result, error } = await changedMeanwhile((operationId) =>
    folder.json(['operations', 'cancel', operationId]),
  );
  expect(code).toBe(1);
  expect(result).toMatchObject({
    count: 2,
    tenants: [{ tenantId: 'acme', count: 2 }],
    operationId: id,
    state: 'cancelled',
    takenOver: false,
  });
  expect(error).toEqual({
    error: { code: 'FAILED', message: expect.stringMatching(/^Operation .* was cancelled before its end/) },
  });
});

test('S3: an act that another process has taken over meanwhile fails', async () => {
  const { id, code, result, error } = await changedMeanwhile(async (operationId, registry) => {
    registry.prepare('UPDATE Operations SET Runner = ? WHERE Id = ?').run(randomUUID(), operationId);
  });
  expect(code).toBe(1);
  expect(result).toMatchObject({ count: 2, operationId: id, state: 'running', takenOver: true });
  expect(error).toEqual({
    error: { code: 'FAILED', message: expect.stringMatching(/^Another process took over operation /) },
  });
});

test('D8: an unreachable tenant is reported, and the others are replayed', async () => {
  await folder.json(['tenants', 'add', 'void', '--no-migrate']);
  const { code, stdout, stderr } = await folder.cli(['dead', 'replay', '--all', '--yes', '--json']);
  expect(code).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({ count: 3, failures: [{ tenantId: 'void' }] });
  expect(JSON.parse(stderr)).toEqual({
    error: { code: 'FAILED', message: expect.stringMatching(/^Tenant 'void' failed with /) },
  });
});

test.each([
  [['list'], 'No Dead message matches'],
  [['list', '--by', 'error'], 'No Dead message matches'],
  [['replay'], 'No Dead message matches'],
])('nothing is said of a tenant that could not be read: dead %j', async (args, claim) => {
  await folder.json(['tenants', 'add', 'void', '--no-migrate']);
  await folder.json(['tenants', 'add', 'wide', '--no-migrate']);
  const alone = await folder.cli(['dead', ...args, '--tenant', 'void', '--tenant', 'wide']);
  expect([alone.code, alone.stdout]).toEqual([1, '']);
  expect(alone.stderr).toMatch(/^error: Tenant 'void' failed with .*, and 1 other \(wide\) failed too\.\n$/);
  const some = await folder.cli(['dead', ...args, '--tenant', 'void', '--tenant', 'acme', '--topic', 'gone']);
  expect([some.code, some.stdout]).toEqual([1, `${claim} in 1 of 2 tenants; 1 could not be read.\n`]);
  const found = await folder.cli(['dead', ...args, '--tenant', 'void', '--tenant', 'acme']);
  expect([found.code, found.stdout]).toEqual([
    1,
    expect.stringMatching(/2 Dead messages.* in 1 of 2 tenants; 1 could not be read\./),
  ]);
});

test.each([['dead list'], ['dead list --by error'], ['dead replay'], ['messages list'], ['messages cancel']])(
  '%s --all says what to do in a fleet without tenants',
  async (command) => {
    const empty = cliFolder();
    try {
      await empty.json(['migrate', '--registry-only']);
      const { code, stdout } = await empty.cli([...command.split(' '), '--all']);
      expect([code, stdout]).toEqual([
        0,
        "There are no tenants yet; add one with 'multi-outbox tenants add ID'.\n",
      ]);
    } finally {
      await empty.remove();
    }
  },
);
