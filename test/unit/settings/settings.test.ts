import { isMultiOutboxError } from '../../../src/errors.ts';
import {
  loadSettings,
  parseDuration,
  type SettingsInput,
  settingDescriptions,
  unknownVariables,
} from '../../../src/settings.ts';

const none: NodeJS.ProcessEnv = {};

function refusal(options: unknown, env: NodeJS.ProcessEnv = none): string {
  try {
    loadSettings(options as SettingsInput, env);
  } catch (error) {
    if (isMultiOutboxError(error, 'INVALID_CONFIGURATION')) return error.message;
    throw error;
  }
  throw new Error('nothing was refused');
}

/** The value of a setting by its path. */
function at(settings: object, option: string): unknown {
  return option.split('.').reduce<unknown>((level, key) => (level as Record<string, unknown>)[key], settings);
}

/** An options object that sets one setting. */
function only(option: string, value: unknown): SettingsInput {
  const [group, name] = option.split('.') as [string, string?];
  return { [group]: name === undefined ? value : { [name]: value } };
}

describe('durations', () => {
  test.each([
    [0, 0],
    [1.4, 1],
    ['250ms', 250],
    ['250', 250],
    [' 30s ', 30_000],
    ['1.5h', 5_400_000],
    ['7d', 604_800_000],
  ])('%p is %p ms', (input, expected) => {
    expect(parseDuration(input)).toBe(expected);
  });

  test.each([-1, '-1s', '', ' ', 'soon', '5 parsecs', '1.2.3s', Number.NaN, Number.POSITIVE_INFINITY])(
    '%p is none',
    (input) => {
      expect(parseDuration(input)).toBeNull();
    },
  );

  test('a value that is neither a number nor text is not a duration', () => {
    for (const input of [null, undefined, {}, ['5m'], 5n, true])
      expect(parseDuration(input as never)).toBeNull();
  });
});

describe('where settings come from', () => {
  test('options override the environment, which overrides the defaults, setting by setting', () => {
    const { dispatch } = loadSettings(
      { dispatch: { batchSize: 7 } },
      { MULTI_OUTBOX_BATCH_SIZE: '8', MULTI_OUTBOX_CONCURRENCY: '9' },
    );
    expect(dispatch).toMatchObject({ batchSize: 7, concurrency: 9, handlerTimeoutMs: 30_000 });
  });

  test('an option that is undefined, and a variable that is empty, count as absent', () => {
    const settings = loadSettings(
      { registry: undefined, dispatch: { batchSize: undefined } },
      { MULTI_OUTBOX_REGISTRY: '', MULTI_OUTBOX_BATCH_SIZE: '8' },
    );
    expect(settings.registry).toBe('sqlite:.data/registry.db');
    expect(settings.dispatch.batchSize).toBe(8);
  });

  test('the options object given is not changed', () => {
    const options = { dispatch: { batchSize: 7 } };
    loadSettings(options, { MULTI_OUTBOX_CONCURRENCY: '9' });
    expect(options).toEqual({ dispatch: { batchSize: 7 } });
  });

  test.each(
    settingDescriptions.map(({ option, variable, fallback }) => [option, variable, fallback] as const),
  )('%s: its default written into %s gives the default', (option, variable, fallback) => {
    const value = at(loadSettings({}, none), option);
    if (fallback === null) expect(value).toBeUndefined();
    else expect(at(loadSettings({}, { [variable]: fallback }), option)).toEqual(value);
  });

  test('flags are written as true and false, 1 and 0, in any case', () => {
    const flag = (value: string) =>
      loadSettings({}, { MULTI_OUTBOX_WEBHOOK_ALLOW_PRIVATE: value }).webhook.allowPrivateAddresses;
    expect(['true', 'TRUE', '1', 'false', 'False', '0'].map(flag)).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
  });

  test('servers are a list, or text with commas; a list of none is refused', () => {
    const expected = ['*.database.windows.net', 'sql.example.com'];
    const variable = 'MULTI_OUTBOX_SQL_ALLOWED_SERVERS';
    const fromText = loadSettings({}, { [variable]: ' *.database.windows.net , sql.example.com,' });
    expect(fromText.sqlserver.allowedServers).toEqual(expected);
    // Settings that were checked can be given again.
    expect(loadSettings(fromText, none).sqlserver.allowedServers).toEqual(expected);
    expect(() => loadSettings({}, { [variable]: ' , ' })).toThrow(
      `${variable} is " , ": it must be a list of servers`,
    );
  });

  test('T3: a pool has room for a handler’s transaction beside the run’s calls', () => {
    expect(refusal({ sqlserver: { poolSize: 1 } })).toContain('must be a whole number from 2 to 100');
    expect(loadSettings({ sqlserver: { poolSize: 2 } }, none).sqlserver.poolSize).toBe(2);
  });

  test('variables that look like settings but are not are found', () => {
    expect(
      unknownVariables({
        MULTI_OUTBOX_BATCHSIZE: '1',
        MULTI_OUTBOX_BATCH_SIZE: '1',
        MULTI_OUTBOX_TEST_X: '1',
        PATH: '',
      }),
    ).toEqual(['MULTI_OUTBOX_BATCHSIZE']);
  });
});

describe('refused values', () => {
  const texts = new Set([
    'registry',
    'handlersModule',
    'sqlserver.allowedServers',
    'email.smtpUrl',
    'email.from',
    'email.folder',
    'webhook.secret',
  ]);
  const public_ = settingDescriptions.filter(({ secret }) => !secret);

  test.each(
    public_.filter(({ option }) => !texts.has(option)).map(({ option, variable }) => [option, variable]),
  )('%s: a senseless value names the option or the variable, and shows the value', (option, variable) => {
    expect(refusal(only(option!, 'senseless'))).toMatch(`Option '${option}' is "senseless": it must be `);
    expect(refusal({}, { [variable!]: 'senseless' })).toMatch(`${variable} is "senseless": it must be `);
  });

  test.each(settingDescriptions.map(({ option }) => [option]))(
    '%s: a value of no sensible type',
    (option) => {
      for (const value of [{ a: 1 }, [1], () => 1, 10n, Number.NaN]) {
        expect(refusal(only(option!, value))).toMatch(
          new RegExp(`^Option '${option}'.*: it must (be|not be) `),
        );
      }
    },
  );

  test.each([
    ['dispatch.batchSize', 0],
    ['dispatch.batchSize', 5_001],
    ['dispatch.batchSize', 1.5],
    ['dispatch.batchSize', '1e3'],
    ['dispatch.batchSize', '-1'],
    ['dispatch.concurrency', 1_001],
    ['dispatch.leaseMs', 99],
    ['dispatch.leaseMs', '61m'],
    ['dispatch.leaseMs', -1],
    ['dispatch.graceMs', '11m'],
    ['retry.maxAttempts', 0],
    ['schedule.idleCeilingMs', 0],
    ['email.smtpUrl', ''],
    ['registry', ''],
  ])('%s out of bounds: %p', (option, value) => {
    expect(refusal(only(option, value))).toContain(`'${option}'`);
  });

  test('the bounds themselves are accepted', () => {
    const { dispatch } = loadSettings({ dispatch: { batchSize: 5_000, leaseMs: 100, graceMs: 0 } }, none);
    expect(dispatch).toMatchObject({ batchSize: 5_000, leaseMs: 100, graceMs: 0 });
  });

  test("F6: the idle ceiling may be 'never'", () => {
    expect(loadSettings({ schedule: { idleCeilingMs: 'never' } }, none).schedule.idleCeilingMs).toBe('never');
    expect(loadSettings({}, { MULTI_OUTBOX_IDLE_CEILING: 'never' }).schedule.idleCeilingMs).toBe('never');
  });

  test('unknown options are refused by their path', () => {
    expect(refusal({ batchSize: 5 })).toContain("'batchSize': it is not a setting");
    expect(refusal({ dispatch: { batchsize: 5 } })).toContain("'dispatch.batchsize': it is not a setting");
    expect(refusal({ unheard: 5 })).toContain(
      'it is not a setting; docs/configuration.md lists the settings.',
    );
  });

  test.each([
    [{ dispatch: { batchsize: 5 } }, 'dispatch.batchSize'],
    [{ batchSize: 5 }, 'dispatch.batchSize'],
    [{ plan: { batchSize: 5 } }, 'dispatch.batchSize'],
    [{ dispach: {} }, 'dispatch'],
    [{ retry: { maxDelay: 1 } }, 'retry.maxDelayMs'],
  ])('an unknown option names the nearest known one: %j', (given, nearest) => {
    expect(refusal(given)).toMatch(new RegExp(`is not a setting; did you mean '${nearest}'\\?$`));
  });

  test('a group that is not an object is refused as such, with or without variables of that group', () => {
    for (const group of [5, null, 'x', true]) {
      expect(refusal({ dispatch: group })).toContain("'dispatch': it must be an object");
      expect(refusal({ dispatch: group }, { MULTI_OUTBOX_BATCH_SIZE: '5' })).toContain("'dispatch'");
    }
  });

  test.each(
    settingDescriptions.filter(({ secret }) => secret).map(({ option, variable }) => [option, variable]),
  )('S4: %s: a Key Vault reference that App Service has not resolved is no secret', (option, variable) => {
    for (const reference of [
      '@Microsoft.KeyVault(VaultName=kv-abc;SecretName=console-secret)',
      '@microsoft.keyvault(SecretUri=https://kv-abc.vault.azure.net/secrets/console-secret)',
    ]) {
      const why = ': it must be a secret, and not a Key Vault reference that was not resolved';
      expect(refusal({}, { [variable!]: reference })).toContain(`${variable}${why}`);
      expect(refusal(only(option!, reference))).toContain(`'${option}'${why}`);
      expect(refusal({}, { [variable!]: reference })).not.toContain('kv-abc');
    }
  });

  test('errors never show secrets, nor the value of an unknown option', () => {
    const secret = 'hunter2';
    const secrets = settingDescriptions.filter((description) => description.secret);
    expect(secrets.map(({ option }) => option)).toEqual(
      expect.arrayContaining(['email.smtpUrl', 'webhook.secret']),
    );
    for (const { option } of secrets) {
      expect(refusal(only(option, [secret]))).not.toContain(secret);
      expect(refusal(only(option, { value: secret }))).not.toContain(secret);
    }
    expect(refusal({ email: { smtpURL: secret } })).not.toContain(secret);
    expect(refusal({ password: { value: secret } })).not.toContain(secret);
  });
});

test.each(['__proto__', 'constructor'])('Q15: a webhook source named %s is kept', (name) => {
  for (const sources of [JSON.parse(`{"${name}":"SECRET"}`), `${name}=SECRET`]) {
    const { receive } = loadSettings({ receive: { sources } as never }, {});
    expect(Object.entries(receive.sources ?? {})).toEqual([[name, 'SECRET']]);
  }
});

test('Q15: a webhook source that is listed twice is refused: one of the two secrets would be ignored', () => {
  const env = { MULTI_OUTBOX_RECEIVE_SOURCES: 'bank=OLD_SECRET, bank=NEW_SECRET' };
  expect(() => loadSettings({}, env)).toThrow(/MULTI_OUTBOX_RECEIVE_SOURCES.* has a source twice/);
});
