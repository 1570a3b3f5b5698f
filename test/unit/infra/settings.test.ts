import { functionDefaults } from '../../../functions/settings.ts';
import { settingDescriptions } from '../../../src/settings.ts';
import { findFiles, literalText, readTopFile, variableEntries } from './bicep-text.ts';

const bicep = readTopFile('infra/modules/settings.bicep');
const defaults = variableEntries(bicep, 'defaults');
const deployed = variableEntries(bicep, 'deployed');
const platform = variableEntries(bicep, 'platform');

/** Settings that a function app has no use for; people may still give them through `appSettings`. */
const leftOut: Readonly<Record<string, string>> = {
  MULTI_OUTBOX_HANDLERS: 'only the command line reads it, because the bundle contains its handlers',
  MULTI_OUTBOX_PARALLEL_RUNS:
    'only the local host and tick read it, because the Functions host decides how many runs there are',
  MULTI_OUTBOX_SQLITE_SYNCHRONOUS: 'the embedded engine is not loaded with a registry on SQL Server',
  MULTI_OUTBOX_SQLITE_BUSY_TIMEOUT: 'the embedded engine is not loaded with a registry on SQL Server',
  MULTI_OUTBOX_LOG_TO_CONSOLE: 'the function app has a logger of its own',
  MULTI_OUTBOX_MAIL_FOLDER: 'a folder of an instance goes with the instance: mails are sent by SMTP',
};

/** Variables outside the project's prefix that its own code reads, and that no deployment sets. */
const notDeployed: Readonly<Record<string, string>> = {
  NO_COLOR: 'colours of the command line',
  TERM: 'colours of the command line',
  WEBSITE_SITE_NAME: 'the platform sets it',
  WEBSITE_AUTH_ENABLED: 'the platform sets it',
  OTEL_SDK_DISABLED: 'the deployment sends to Application Insights; people may give these for OTLP',
  OTEL_EXPORTER_OTLP_ENDPOINT: 'as above',
  OTEL_METRIC_EXPORT_INTERVAL: 'as above',
};

describe('infra sets the app settings that the code reads (text of settings.bicep)', () => {
  const known = new Map(settingDescriptions.map((setting) => [setting.variable, setting]));
  const set = new Map([...defaults, ...deployed]);
  const fallbackOf = (variable: string) => functionDefaults[variable] ?? known.get(variable)!.fallback ?? '';

  test.each(settingDescriptions.map(({ variable }) => variable))(
    '%s is set, or left out for a reason',
    (variable) => {
      const fallback = fallbackOf(variable);
      const hint = `Add it to 'defaults' in infra/modules/settings.bicep:  ${variable}: '${fallback}'`;
      expect({ variable, known: set.has(variable) || variable in leftOut, hint }).toMatchObject({
        known: true,
      });
    },
  );

  test.each([...defaults].filter(([variable]) => known.has(variable)))(
    "%s has the code's default",
    (variable, value) => {
      expect(literalText(value)).toBe(fallbackOf(variable));
    },
  );

  test('the code reads every setting that infra sets', () => {
    const unread = [...set.keys()].filter((variable) => !known.has(variable));
    expect(unread).toEqual([]);
  });

  test('every omitted name is a setting, and infra does not set it', () => {
    expect(Object.keys(leftOut).filter((variable) => !known.has(variable) || set.has(variable))).toEqual([]);
  });

  test('secrets have no value in the template', () => {
    const secrets = settingDescriptions.filter(({ secret }) => secret).map(({ variable }) => variable);
    expect(secrets.length).toBeGreaterThan(0);
    for (const variable of secrets) expect([variable, set.get(variable)]).toEqual([variable, "''"]);
  });

  test('variables that the code reads past the settings are set, or do not concern a deployment', () => {
    const read = findFiles('{src,functions}/**/*.ts').flatMap((file) =>
      [...readTopFile(file).matchAll(/\benv(?:\.|\[')([A-Z][A-Z0-9_]{2,})\b|%([A-Z][A-Z0-9_]{2,})%/g)].map(
        ([, variable, bound]) => (variable ?? bound)!,
      ),
    );
    expect(read).toContain('NO_COLOR');
    const missing = new Set(
      read.filter(
        (name) => !set.has(name) && !platform.has(name) && !(name in leftOut) && !(name in notDeployed),
      ),
    );
    expect([...missing]).toEqual([]);
  });

  test('later ones win in this order: defaults, the deployment, what people give, secrets, the platform', () => {
    expect(bicep).toContain('properties: union(defaults, deployed, appSettings, secrets, platform)');
  });
});

describe('the deployment decides (text of settings.bicep)', () => {
  test('the registry is the SQL database that is deployed with it', () => {
    expect(deployed.get('MULTI_OUTBOX_REGISTRY')).toBe('registryUrl');
    expect(readTopFile('infra/modules/sql.bicep')).toMatch(
      /^output registryUrl string = 'mssql:\/\/\$\{server\.properties\.fullyQualifiedDomainName\}\/\$\{registry\.name\}'$/m,
    );
  });

  test('F3: a late plan is held against the schedule it runs on', () => {
    expect(deployed.get('MULTI_OUTBOX_SCHEDULE')).toMatch(/^'\*\/\$\{planIntervalSeconds\} \* \* \* \* \*'$/);
    expect(deployed.get('MULTI_OUTBOX_PLAN_INTERVAL')).toMatch(/^'\$\{planIntervalSeconds\}s'$/);
  });

  test('host storage, telemetry and SQL are accessed with the identity, never with a key', () => {
    expect(platform.get('AzureWebJobsStorage__credential')).toBe("'managedidentity'");
    expect(platform.get('APPLICATIONINSIGHTS_AUTHENTICATION_STRING')).toContain('Authorization=AAD');
    expect([...platform.keys()]).not.toContain('AzureWebJobsStorage');
    for (const file of findFiles('infra/**/*.bicep'))
      expect(readTopFile(file)).not.toMatch(/\blist\w*Keys\w*\(/i);
  });
});
