import { readFileSync } from 'node:fs';
import path from 'node:path';
import { passesPlainText } from '../../../functions/host-json.ts';

const top = path.resolve(__dirname, '../../..');
const read = (file: string) => readFileSync(path.join(top, file), 'utf8');

/** Names of the settings that hold a value, without `version` and the name of the extension bundle. */
function settingsOf(value: object): string[] {
  return Object.entries(value).flatMap(([name, inner]) =>
    typeof inner === 'object' && name !== 'logLevel' ? settingsOf(inner) : [name],
  );
}

test('docs/azure.md explains each setting of host.json', () => {
  const { version, extensionBundle, ...settings } = JSON.parse(read('host.json'));
  const names = [...settingsOf(settings), 'extensionBundle'].filter((name) => name !== 'isEnabled');
  expect(names.length).toBeGreaterThan(10);
  const [, section] = /^## host\.json.*?\n(.*?)^## /ms.exec(read('docs/azure.md'))!;
  expect(names.filter((name) => !section!.includes(name))).toEqual([]);
  expect(section).toContain(extensionBundle.version);
});

/**
 * The keys of host.json that we use, or may want to, as the public schema has them: https://json.schemastore.org/host.json
 * (version 2, extensions 5). `telemetryMode` is not in it, but in
 * https://learn.microsoft.com/azure/azure-functions/functions-host-json. An object lists its keys; `true` is any value, `'*'`
 * any name.
 */
const knownKeys = {
  version: true,
  functionTimeout: true,
  telemetryMode: true,
  logging: {
    logLevel: '*',
    fileLoggingMode: true,
    applicationInsights: true,
    OpenTelemetry: { logLevel: '*' },
  },
  extensions: {
    http: {
      routePrefix: true,
      maxConcurrentRequests: true,
      maxOutstandingRequests: true,
      dynamicThrottlesEnabled: true,
      hsts: true,
      customHeaders: true,
    },
    queues: {
      maxPollingInterval: true,
      visibilityTimeout: true,
      batchSize: true,
      maxDequeueCount: true,
      newBatchThreshold: true,
      messageEncoding: true,
    },
  },
  extensionBundle: { id: true, version: true },
  aggregator: { batchSize: true, flushTimeout: true },
  concurrency: { dynamicConcurrencyEnabled: true, snapshotPersistenceEnabled: true },
  healthMonitor: true,
  singleton: { listenerLockPeriod: true, listenerLockRecoveryPollingInterval: true },
};
type Keys = { readonly [key: string]: true | '*' | Keys };

/** Paths of keys that the schema does not have. The host ignores such keys in silence. */
function unknownKeys(value: object, keys: Keys, path = ''): string[] {
  return Object.entries(value).flatMap(([key, inner]) => {
    const known = Object.hasOwn(keys, key) ? keys[key]! : undefined;
    if (known === undefined) return [`${path}${key}`];
    return typeof known === 'object' ? unknownKeys(inner, known, `${path}${key}.`) : [];
  });
}

test('host.json has only keys of the public schema, because the host ignores others in silence', () => {
  const hostJson = JSON.parse(read('host.json'));
  expect(unknownKeys(hostJson, knownKeys as Keys)).toEqual([]);
  expect(unknownKeys({ ...hostJson, extensions: { queues: { batchsize: 1 } } }, knownKeys as Keys)).toEqual([
    'extensions.queues.batchsize',
  ]);
  expect(unknownKeys({ singleton: { listenerLockperiod: '00:00:15' } }, knownKeys as Keys)).toEqual([
    'singleton.listenerLockperiod',
  ]);
});

test('host.json has no setting without effect in OpenTelemetry mode', () => {
  const { telemetryMode, logging } = JSON.parse(read('host.json'));
  expect(telemetryMode).toBe('OpenTelemetry');
  expect(logging).not.toHaveProperty('applicationInsights');
});

test('F7: host.json lets the functions get queue messages in plain text; the host’s default does not', () => {
  expect(passesPlainText({ AzureWebJobsScriptRoot: top })).toBe(true);
  expect(passesPlainText({ AzureWebJobsScriptRoot: path.join(top, 'docs') })).toBe(false);
  const overridden = { AzureFunctionsJobHost__extensions__queues__messageEncoding: 'base64' };
  expect(passesPlainText({ AzureWebJobsScriptRoot: top, ...overridden })).toBe(false);
});
