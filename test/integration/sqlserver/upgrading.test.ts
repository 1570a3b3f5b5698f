/**
 * An upgrade of a fleet on SQL Server (engine/schema.ts states the rule). Programs of three releases work on databases
 * of each other's versions. Each program is the built command line beside a folder sql/ of its own.
 */
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describeOnServer, serverConnectionString, serverVariable } from '../../support/sqlserver.ts';
import { TestDatabases, tenantsSetting } from '../../support/sqlserver-databases.ts';

const root = path.resolve(__dirname, '../../..');

/** Columns with defaults, an index, a table, and a procedure's parameter with a default. */
const more = `
ALTER TABLE [$(Schema)].[Outbox] ADD Region nvarchar(20) NOT NULL CONSTRAINT Outbox_Region_Default DEFAULT N'eu';
GO
CREATE INDEX Outbox_Region ON [$(Schema)].[Outbox] (Region);
CREATE TABLE [$(Schema)].[OutboxLog] (Id int NOT NULL PRIMARY KEY, Region nvarchar(20) NOT NULL);
GO
ALTER PROCEDURE [$(Schema)].[SchemaJournal_List] @From int = 1 AS
SET NOCOUNT ON;
SELECT Version, Name, Checksum FROM [$(Schema)].[SchemaJournal] WHERE Version >= @From ORDER BY Version;
`;

describeOnServer(`a fleet that is being upgraded (${serverVariable})`, () => {
  const databases = new TestDatabases(serverConnectionString);
  const folder = mkdtempSync(path.join(tmpdir(), 'multi-outbox-releases-'));
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true });
    await databases.dispose();
  }, 60_000);

  /** A program whose folder sql/ was changed; returns how it is run. */
  function release(name: string, change: (tenantSteps: string) => void) {
    const place = path.join(folder, name);
    for (const file of readdirSync(path.join(root, 'dist')).filter((each) =>
      /\.js$|^package\.json$/.test(each),
    )) {
      cpSync(path.join(root, 'dist', file), path.join(place, 'dist', file));
    }
    cpSync(path.join(root, 'sql'), path.join(place, 'sql'), { recursive: true });
    cpSync(path.join(root, 'package.json'), path.join(place, 'package.json'));
    symlinkSync(path.join(root, 'node_modules'), path.join(place, 'node_modules'));
    change(path.join(place, 'sql/tenant'));
    return (env: Record<string, string>, ...args: string[]) =>
      new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
        const command = [path.join(place, 'dist/cli.js'), ...args, '--json'];
        execFile(
          process.execPath,
          command,
          { cwd: folder, env: { ...process.env, ...env } },
          (error, stdout, stderr) => resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
        );
      });
  }

  test('programs work with databases of the release before and after; older ones are outdated', async () => {
    const now = release('now', () => {});
    const later = release('later', (steps) => writeFileSync(path.join(steps, '0004-more.sql'), more));
    const ancient = release('ancient', (steps) => {
      for (const file of readdirSync(steps)) if (!file.startsWith('0001')) rmSync(path.join(steps, file));
    });
    const env = {
      MULTI_OUTBOX_REGISTRY: databases.registryUrl(await databases.take('registry')),
      [tenantsSetting]: databases.connectionString,
    };
    const words = async (id: string) => [
      ...['tenants', 'add', id, '--database', await databases.create(), '--auth-setting', tenantsSetting],
    ];
    for (const id of ['acme', 'beta', 'cedar']) {
      expect(await now(env, ...(await words(id)), '--no-migrate')).toMatchObject({ code: 0 });
    }
    const migrate = async (program: typeof now, id: string) => {
      const { stdout } = await program(env, 'migrate', '--tenant', id);
      const { error, version } = JSON.parse(stdout).databases.at(-1);
      return error?.code ?? version;
    };
    const versions = [
      await migrate(ancient, 'acme'),
      await migrate(now, 'beta'),
      await migrate(later, 'cedar'),
    ];
    expect(versions).toEqual([1, 3, 4]);

    const mail = JSON.stringify({ to: 'reader@example.com', subject: 's', text: 't' });
    const dispatch = async (program: typeof now, id: string) => {
      const { code, stderr } = await program(env, 'enqueue', id, 'email.send', mail);
      if (code !== 0) return JSON.parse(stderr).error.code;
      const { stdout } = await program(env, 'tick');
      const run = JSON.parse(stdout).runs.find(({ tenantId }: { tenantId: string }) => tenantId === id);
      return [run.outcome, run.counts.done];
    };
    expect(await dispatch(now, 'acme')).toBe('SCHEMA_OUTDATED');
    expect(await dispatch(now, 'cedar')).toEqual(['dispatched', 1]);
    expect(await dispatch(later, 'beta')).toEqual(['dispatched', 1]);
    expect(await migrate(now, 'cedar')).toBe('SCHEMA_TOO_NEW');
    expect(await migrate(later, 'beta')).toBe(4);
    expect(await dispatch(later, 'beta')).toEqual(['dispatched', 1]);
    expect(await dispatch(now, 'beta')).toEqual(['dispatched', 1]);
  }, 240_000);
});
