/** Every setting: its default, its bounds, its environment variable and its meaning. */
import * as v from 'valibot';
import { optionalSetting, secretSetting, setting } from './setting.ts';
import {
  consoleRights,
  count,
  directoryId,
  duration,
  flag,
  schedule,
  serverPatterns,
  sourceSecrets,
  text,
} from './values.ts';

const day = 86_400_000;

const strategyNames = ['round-robin', 'drain-first', 'priority', 'deadline', 'weighted'] as const;

export const groups = {
  dispatch: v.strictObject({
    batchSize: setting(
      'BATCH_SIZE',
      count(1, 5_000),
      100,
      'How many messages one claim takes at most. A tenant can have its own value.',
    ),
    batchBytes: setting(
      'BATCH_BYTES',
      count(1, 2 ** 28),
      33_554_432,
      'How many bytes of payloads and headers one claim takes at most. A claim takes at least one message, whatever its size.',
    ),
    concurrency: setting(
      'CONCURRENCY',
      count(1, 1_000),
      16,
      'How many handlers one dispatch run runs at once. A tenant or a handler can have its own value.',
    ),
    handlerTimeoutMs: setting(
      'HANDLER_TIMEOUT',
      duration(1, day),
      '30s',
      'Time that one attempt may take; after that the run gives the attempt up, and the message is retried. A handler can have its own value.',
    ),
    timeBudgetMs: setting(
      'TIME_BUDGET',
      duration(1, day),
      '60s',
      'Time after which a run claims no more messages; the next run dispatches the rest.',
    ),
    graceMs: setting(
      'GRACE',
      duration(0, 600_000),
      '5s',
      'Time that running handlers have to end after their signal has fired.',
    ),
    leaseMs: setting(
      'LEASE',
      duration(100, 3_600_000),
      '30s',
      'Duration of a queue lease; a run renews it every third of this. Another run takes over from a crashed one after at most this time.',
    ),
    parallelRuns: setting(
      'PARALLEL_RUNS',
      count(1, 1_000),
      8,
      'How many tenants one process dispatches at once (local host and tick).',
    ),
    onDead: setting(
      'ON_DEAD',
      v.picklist(['block', 'continue'], "must be 'block' or 'continue'"),
      'block',
      "The effect of a Dead message on its ordering key: 'block' blocks the later messages of the key until the Dead message is replayed or discarded, 'continue' does not.",
    ),
    unhandledTopics: setting(
      'UNHANDLED_TOPICS',
      v.picklist(['park', 'dead'], "must be 'park' or 'dead'"),
      'park',
      "What happens to a message whose topic has no handler: 'park' releases it with a growing delay, 'dead' makes it Dead.",
    ),
  }),
  retry: v.strictObject({
    maxAttempts: setting(
      'RETRY_MAX_ATTEMPTS',
      count(1, 1_000),
      25,
      'How many attempts a message gets before it goes to Dead. The defaults cover an outage of two hours on average.',
    ),
    baseMs: setting(
      'RETRY_BASE',
      duration(0, day),
      '2s',
      'Upper bound of the first retry delay; it doubles each time, with full jitter.',
    ),
    maxDelayMs: setting('RETRY_MAX_DELAY', duration(0, 30 * day), '15m', 'Longest retry delay.'),
  }),
  retention: v.strictObject({
    doneMs: setting(
      'RETENTION',
      duration(0, 3_650 * day),
      '7d',
      'How long Done messages are kept; a dedup key is remembered for the same time.',
    ),
  }),
  plan: v.strictObject({
    intervalMs: setting(
      'PLAN_INTERVAL',
      duration(10, day),
      '1s',
      'Time between two plans of the local host. A plan is reported as late if the one before it was more than twice this ago.',
    ),
    capacity: setting('PLAN_CAPACITY', count(1, 20_000), 1_000, 'How many tenants one plan chooses at most.'),
    planners: setting(
      'PLANNERS',
      count(1, 64),
      1,
      'How many planners share the tenants: so many hosts can plan at the same time, each a range of the tenants. See docs/performance.md.',
    ),
    strategy: setting(
      'STRATEGY',
      v.picklist(strategyNames, `must be one of ${strategyNames.join(', ')}`),
      'round-robin',
      'Which due tenants a plan chooses first; see docs/strategies.md.',
    ),
    fairEvery: setting(
      'FAIR_EVERY',
      count(1, 1_000),
      4,
      'One of this many slots is a fair slot: it goes to the tenant that has been due longest, whatever the strategy prefers. Round-robin needs no fair slots.',
    ),
    redispatchMs: optionalSetting(
      'REDISPATCH',
      duration(100, day),
      'Time after which a chosen tenant is due again if its request was lost. A run that lasts postpones it, to one lease from then. Default: lease + grace; 36s in a function app.',
    ),
  }),
  schedule: v.strictObject({
    idleFloorMs: setting(
      'IDLE_FLOOR',
      duration(1, day),
      '2s',
      'First interval of an idle tenant; it doubles with every idle run.',
    ),
    idleCeilingMs: setting(
      'IDLE_CEILING',
      v.union([v.literal('never'), duration(1, 365 * day)], "must be a duration or 'never'"),
      '5m',
      "Longest interval of an idle tenant; with 'never' only wakes, known due times and `schedule.lookWithinMs` make it due. A tenant can have its own value.",
    ),
    lookWithinMs: setting(
      'LOOK_WITHIN',
      duration(1, 365 * day),
      '1d',
      "Every active tenant is looked at after at most this time, whatever its idle ceiling; with the ceiling 'never' this is its interval. A message whose wake was lost starts at most this much later.",
    ),
    failureCeilingMs: setting(
      'FAILURE_CEILING',
      duration(1, 30 * day),
      '10m',
      'Longest interval after a failed run.',
    ),
  }),
  directory: v.strictObject({
    refreshMs: setting(
      'DIRECTORY_REFRESH',
      duration(1, day),
      '15s',
      'How old the known list of tenants may be before a host asks the registry for changes.',
    ),
  }),
  databases: v.strictObject({
    maxOpen: setting(
      'MAX_OPEN_DATABASES',
      count(1, 10_000),
      256,
      'How many tenant databases are kept open at once. When there are more, the one that was opened last is usually closed, so that the others stay open. A process that may open few files keeps fewer.',
    ),
    idleCloseMs: setting(
      'IDLE_CLOSE',
      duration(1, day),
      '10m',
      'An open tenant database that is not used for this long is closed. The default is longer than the idle ceiling, so that the next look at an idle tenant finds its database open.',
    ),
  }),
  telemetry: v.strictObject({
    metricTenants: setting(
      'METRIC_TENANTS',
      count(0, 100_000),
      1_000,
      "How many tenants have their own id in one process's metrics; further tenants share the id 'other'.",
    ),
    metricWorstTenants: setting(
      'METRIC_WORST_TENANTS',
      count(0, 1_000),
      50,
      'How many tenants each gauge of the worst tenants shows, with their ids; 0 turns these gauges off.',
    ),
    handlerErrorText: setting(
      'LOG_HANDLER_ERRORS',
      flag,
      false,
      "With true, log lines about a handler's error contain its text, which may quote a payload; with false, only its name. The stored error of a message always has the text.",
    ),
    logToConsole: setting(
      'LOG_TO_CONSOLE',
      flag,
      true,
      'With true, a program that gives no `logger` writes warnings and errors to standard error, one line each; with false, nothing.',
    ),
    history: setting(
      'HISTORY',
      flag,
      true,
      'With true, the registry keeps a history: the fleet by minute for 7 days, and each tenant by hour for 14 days.',
    ),
    correlationIds: setting(
      'EXPORT_CORRELATION_IDS',
      flag,
      false,
      "With true, spans have the messages' correlation ids, which may identify a person.",
    ),
  }),
  functions: v.strictObject({
    schedule: setting('SCHEDULE', schedule, '*/5 * * * * *', 'Function app: when the plan runs.'),
    maxBodyBytes: setting(
      'MAX_BODY_BYTES',
      count(1_024, 104_857_600),
      1_048_576,
      'Function app: the most bytes that the body of an HTTP request may have.',
    ),
    console: setting(
      'CONSOLE',
      v.picklist(['off', 'entra', 'key'], "must be 'off', 'entra' or 'key'"),
      'off',
      "Function app: who may open the console at `/api/console/`. 'entra': whoever App Service authentication has signed in, by app roles; 'key': whoever has a function key.",
    ),
    consoleEntraDirectory: optionalSetting(
      'CONSOLE_ENTRA_DIRECTORY',
      directoryId,
      "Function app: the id of the Entra ID directory whose app roles the console of 'entra' counts; it needs one.",
    ),
    consoleAllow: setting(
      'CONSOLE_ALLOW',
      consoleRights,
      'look',
      "Function app: what the console of 'key' allows, with commas between: look, payload, act, destroy, configure.",
    ),
    consoleSecret: secretSetting(
      'CONSOLE_SECRET',
      "Function app: signs the cookies of the console of 'key'; at least 32 random characters, the same for all instances. Another value signs everybody out.",
    ),
  }),
  receive: v.strictObject({
    sources: optionalSetting(
      'RECEIVE_SOURCES',
      sourceSecrets,
      'Function app: sources whose webhooks are signed by Standard Webhooks, each with the name of the app setting that contains its secret, such as `bank=BANK_SECRET, shop=SHOP_SECRET`.',
    ),
  }),
  sqlite: v.strictObject({
    synchronous: setting(
      'SQLITE_SYNCHRONOUS',
      v.picklist(['full', 'normal'], "must be 'full' or 'normal'"),
      'full',
      "With 'full' a power cut takes nothing away that a call has stored, but for runs' reports of the last moment; 'normal' is faster and may lose the last commits.",
    ),
    busyTimeoutMs: setting(
      'SQLITE_BUSY_TIMEOUT',
      duration(0, 600_000),
      '5s',
      'How long a call waits for a locked file.',
    ),
  }),
  sqlserver: v.strictObject({
    encrypt: setting(
      'SQL_ENCRYPT',
      flag,
      true,
      'Encrypts connections to SQL Server, unless the URL or the connection string says otherwise.',
    ),
    trustServerCertificate: setting(
      'SQL_TRUST_SERVER_CERTIFICATE',
      flag,
      false,
      'Accepts any server certificate, unless the URL or the connection string says otherwise. Use it only for local servers.',
    ),
    allowedServers: optionalSetting(
      'SQL_ALLOWED_SERVERS',
      serverPatterns,
      "Servers to which a token may be sent, separated by commas; '*' matches any characters, dots included, and may not stand after the last dot; '*' alone allows every server. Default: the Azure clouds' domains and the registry's server.",
    ),
    poolSize: setting(
      'SQL_POOL_SIZE',
      count(2, 100),
      3,
      "The most connections to one database; a handler's transaction takes one connection, and one is kept for the run's calls.",
    ),
    maxConnectionsPerServer: setting(
      'SQL_MAX_CONNECTIONS_PER_SERVER',
      count(1, 30_000),
      300,
      'The most connections of one process to one server, logins in progress included. An idle tenant has one connection.',
    ),
    connectTimeoutMs: setting(
      'SQL_CONNECT_TIMEOUT',
      duration(100, 600_000),
      '15s',
      'Time that opening a connection may take.',
    ),
    requestTimeoutMs: setting(
      'SQL_REQUEST_TIMEOUT',
      duration(100, 3_600_000),
      '30s',
      'Time that one call may take.',
    ),
  }),
  email: v.strictObject({
    smtpUrl: secretSetting(
      'SMTP_URL',
      'SMTP server of email.send, such as smtps://user:password@mail.example.com. Without it mails are written to files.',
    ),
    from: optionalSetting('MAIL_FROM', text, 'Sender of mails that do not name one.'),
    folder: setting(
      'MAIL_FOLDER',
      text,
      '.data/mail',
      'Folder to which email.send writes .eml files when no SMTP server is set.',
    ),
  }),
  webhook: v.strictObject({
    secret: secretSetting(
      'WEBHOOK_SECRET',
      'Signing secret of webhook.post (Standard Webhooks: whsec_…). Without it requests are not signed.',
    ),
    allowPrivateAddresses: setting(
      'WEBHOOK_ALLOW_PRIVATE',
      flag,
      false,
      'Lets webhook.post call loopback and private addresses.',
    ),
  }),
} as const;

export const schema = v.strictObject({
  registry: setting(
    'REGISTRY',
    text,
    'sqlite:.data/registry.db',
    'The registry: sqlite: and the path of a file; mssql://server/database; or mssql: and a connection string.',
  ),
  handlersModule: optionalSetting(
    'HANDLERS',
    text,
    'Command line: a module whose default export is a list of handlers, or a function that gets the settings and returns such a list. It replaces the built-in handlers.',
  ),
  dispatch: v.optional(groups.dispatch, {}),
  retry: v.optional(groups.retry, {}),
  retention: v.optional(groups.retention, {}),
  plan: v.optional(groups.plan, {}),
  schedule: v.optional(groups.schedule, {}),
  directory: v.optional(groups.directory, {}),
  databases: v.optional(groups.databases, {}),
  telemetry: v.optional(groups.telemetry, {}),
  functions: v.optional(groups.functions, {}),
  receive: v.optional(groups.receive, {}),
  sqlite: v.optional(groups.sqlite, {}),
  sqlserver: v.optional(groups.sqlserver, {}),
  email: v.optional(groups.email, {}),
  webhook: v.optional(groups.webhook, {}),
});
