import type { SettingInForce } from '../../src/settings/in-force.ts';
import { settingDescriptions } from '../../src/settings.ts';
import { type CliFolder, cliFolder } from '../support/cli-process.ts';

let folder: CliFolder;
beforeEach(() => {
  folder = cliFolder();
});
afterEach(() => folder.remove());

const env = {
  MULTI_OUTBOX_LEASE: '45s',
  MULTI_OUTBOX_REGISTRY: 'sqlite:from-environment.db',
  MULTI_OUTBOX_BATCH_SIZE: '',
  MULTI_OUTBOX_WEBHOOK_SECRET: 'whsec_hunter2',
  MULTI_OUTBOX_SMTP_URL: 'smtps://user:hunter2@mail.example.com',
  MULTI_OUTBOX_LAESE: '1s',
};

test('settings shows the value in force of every setting and where it comes from', async () => {
  const { settings, unknown } = await folder.json<{ settings: SettingInForce[]; unknown: string[] }>(
    ['settings', '--registry', 'sqlite:from-option.db'],
    { env },
  );
  expect(settings.map(({ option }) => option)).toEqual(settingDescriptions.map(({ option }) => option));
  const of = (option: string) => settings.find((setting) => setting.option === option);
  expect(of('registry')).toMatchObject({ value: 'sqlite:from-option.db', source: 'option' });
  expect(of('dispatch.leaseMs')).toEqual({
    option: 'dispatch.leaseMs',
    variable: 'MULTI_OUTBOX_LEASE',
    value: 45_000,
    source: 'environment',
  });
  expect(of('dispatch.batchSize')).toMatchObject({ value: 100, source: 'default' });
  expect(of('email.from')).toMatchObject({ value: null, source: 'default' });
  expect(of('webhook.secret')).toMatchObject({ value: '***', source: 'environment' });
  expect(unknown).toEqual(['MULTI_OUTBOX_LAESE']);
});

test('the table shows durations as users write them, and no secret', async () => {
  const { code, stdout, stderr } = await folder.cli(['settings'], { env });
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/^Setting +Value +From +Variable\n/);
  expect(stdout).toMatch(/^dispatch\.leaseMs +45s +environment +MULTI_OUTBOX_LEASE$/m);
  expect(stdout).toMatch(/^schedule\.idleCeilingMs +5m +default +MULTI_OUTBOX_IDLE_CEILING$/m);
  expect(stdout).toMatch(
    /^MULTI_OUTBOX_LAESE is not a setting and has no effect; write MULTI_OUTBOX_LEASE or/m,
  );
  expect(stdout).not.toContain('hunter2');
});

test.each([
  ['mssql://server/database', 'mssql://server/database'],
  ['mssql://user:hunter2@server/database', '***'],
  ['mssql:Server=s;Database=d;User Id=u;Password=hunter2', '***'],
])('the registry %s is shown as %s', async (registry, shown) => {
  const { code, stdout } = await folder.cli(['settings', '--json', '--registry', registry]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout).settings[0]).toMatchObject({ option: 'registry', value: shown });
});
