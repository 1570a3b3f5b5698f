/** Every setting: its default, its bounds, its environment variable and its meaning. */
import * as v from 'valibot';
import { count, duration, flag, schedule, serverPatterns, sourceSecrets, text } from './values.ts';

const day = 86_400_000;

export interface SettingMetadata {
  readonly env: string;
  readonly secret?: true;
}

export type AnySchema = v.GenericSchema;

/** A setting with a default. The default is written as a user would write it. */
function setting<const Schema extends AnySchema>(
  env: string,
  schema: Schema,
  fallback: v.InferInput<Schema>,
  meaning: string,
) {
  return v.optional(
    v.pipe(schema, v.metadata({ env } satisfies SettingMetadata), v.description(meaning)),
    fallback as never,
  ) as unknown as v.OptionalSchema<Schema, v.InferInput<Schema>>;
}

/** A setting that may be absent. */
function optionalSetting<const Schema extends AnySchema>(
  env: string,
  schema: Schema,
  meaning: string,
  secret?: true,
) {
  const metadata: SettingMetadata = secret ? { env, secret } : { env };
  return v.optional(
    v.pipe(schema, v.metadata({ ...metadata }), v.description(meaning)),
  ) as unknown as v.OptionalSchema<Schema, undefined>;
}

export const groups = {
  dispatch: v.strictObject({
    batchSize: setting(
      'BATCH_SIZE',
      count(1, 5_000),
      100,
      'Messages claimed at once. A tenant can have its own.',
    ),
    batchBytes: setting(
      'BATCH_BYTES',
      count(1, 2 ** 31),
      33_554_432,
      'Payload bytes claimed at once; one message is always claimed, whatever its size.',
    ),
    concurrency: setting(
      'CONCURRENCY',
      count(1, 1_000),
      16,
      'Handlers running at once in one dispatch run. A tenant or a handler can have its own.',
    ),
    handlerTimeoutMs: setting(
      'HANDLER_TIMEOUT',
      duration(1, day),
      '30s',
      'Time one attempt may take before it is given up and retried. A handler can have its own.',
    ),
    timeBudgetMs: setting(
      'TIME_BUDGET',
      duration(1, day),
      '60s',
      'Time after which a run claims no more; backlog left is dispatched by the next run.',
    ),
    graceMs: setting(
      'GRACE',
      duration(0, 600_000),
      '5s',
      'Time that running handlers get to end after their signal fired.',
    ),
    leaseMs: setting(
      'LEASE',
      duration(100, 3_600_000),
      '30s',
      'Duration of a queue lease; renewed at a third of it. A crashed run is recovered after at most this long.',
    ),
    parallelRuns: setting(
      'PARALLEL_RUNS',
      count(1, 1_000),
      8,
      'Tenants served at once by one process (local host and tick).',
    ),
    onDead: setting(
      'ON_DEAD',
      v.picklist(['block', 'continue'], "must be 'block' or 'continue'"),
      'block',
      "What a Dead message does to its ordering key: 'block' holds the key until it is replayed or discarded, 'continue' lets the key go on.",
    ),
    unhandledTopics: setting(
      'UNHANDLED_TOPICS',
      v.picklist(['park', 'dead'], "must be 'park' or 'dead'"),
      'park',
      "A message whose topic has no handler: 'park' releases it with a growing delay, 'dead' makes it Dead.",
    ),
  }),
  retry: v.strictObject({
    maxAttempts: setting(
      'RETRY_MAX_ATTEMPTS',
      count(1, 1_000),
      25,
      'Starts of a message before it goes to Dead. The defaults cover an outage of two hours on average.',
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
      'How long Done messages are kept; this is also the window in which a dedup key is remembered.',
    ),
  }),
  plan: v.strictObject({
    intervalMs: setting(
      'PLAN_INTERVAL',
      duration(10, day),
      '1s',
      'Time between two plans of the local host; also what a tick is held against to notice a late one.',
    ),
    capacity: setting('PLAN_CAPACITY', count(1, 100_000), 1_000, 'Tenants chosen at most by one plan.'),
    strategy: setting(
      'STRATEGY',
      v.picklist(
        ['round-robin', 'drain-first', 'priority', 'deadline', 'weighted'],
        "must be 'round-robin', 'drain-first', 'priority', 'deadline' or 'weighted'",
      ),
      'round-robin',
      'Which due tenants a plan chooses first; see docs/strategies.md.',
    ),
    fairEvery: setting(
      'FAIR_EVERY',
      count(1, 1_000),
      4,
      'Of this many places that plans give away one goes to the tenant that has been due longest, whatever the strategy prefers. Round-robin needs none.',
    ),
    redispatchMs: optionalSetting(
      'REDISPATCH',
      duration(100, day),
      'A chosen tenant is due again after this if no report came. Lease + grace when absent, when a crashed run can be taken over.',
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
      "Longest interval of an idle tenant; 'never' leaves it to wakes and known due times. A tenant can have its own.",
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
      'How old known tenants may be before the registry is asked for changes.',
    ),
  }),
  databases: v.strictObject({
    maxOpen: setting(
      'MAX_OPEN_DATABASES',
      count(1, 10_000),
      64,
      'Tenant databases kept open at once; the least recently used is closed first.',
    ),
    idleCloseMs: setting(
      'IDLE_CLOSE',
      duration(1, day),
      '60s',
      'An open tenant database that is not used for this long is closed.',
    ),
  }),
  telemetry: v.strictObject({
    metricTenants: setting(
      'METRIC_TENANTS',
      count(0, 100_000),
      1_000,
      "Tenants that one process's metrics tell apart by id; those beyond share the id 'other'.",
    ),
  }),
  functions: v.strictObject({
    schedule: setting('SCHEDULE', schedule, '*/5 * * * * *', 'Function app: when the plan runs.'),
    maxBodyBytes: setting(
      'MAX_BODY_BYTES',
      count(1_024, 104_857_600),
      1_048_576,
      'Function app: bytes that the body of an HTTP request may have.',
    ),
  }),
  receive: v.strictObject({
    sources: optionalSetting(
      'RECEIVE_SOURCES',
      sourceSecrets,
      'Function app: sources of webhooks that are signed after Standard Webhooks, each with the name of the app setting that holds its secret, such as `bank=BANK_SECRET, shop=SHOP_SECRET`.',
    ),
  }),
  sqlite: v.strictObject({
    synchronous: setting(
      'SQLITE_SYNCHRONOUS',
      v.picklist(['full', 'normal'], "must be 'full' or 'normal'"),
      'full',
      "'full' survives a power cut with every commit; 'normal' is faster and may lose the last ones.",
    ),
    busyTimeoutMs: setting(
      'SQLITE_BUSY_TIMEOUT',
      duration(0, 600_000),
      '5s',
      'How long a locked file is waited for.',
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
      'Takes any certificate, unless the URL or the connection string says otherwise. For local servers alone.',
    ),
    allowedServers: optionalSetting(
      'SQL_ALLOWED_SERVERS',
      serverPatterns,
      "Servers that a token may be sent to, separated by commas; '*' stands for any characters. The Azure clouds' domains and the registry's server when absent.",
    ),
    poolSize: setting(
      'SQL_POOL_SIZE',
      count(2, 100),
      3,
      "Connections to one database at most; a handler's transaction takes one, and one is kept for the run's calls.",
    ),
    maxConnectionsPerServer: setting(
      'SQL_MAX_CONNECTIONS_PER_SERVER',
      count(1, 30_000),
      120,
      'Connections of this process to one server at most.',
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
    smtpUrl: optionalSetting(
      'SMTP_URL',
      text,
      'SMTP server of email.send, such as smtps://user:password@mail.example.com. Without it mails are written as files.',
      true,
    ),
    from: optionalSetting('MAIL_FROM', text, 'Sender of mails that name none.'),
    folder: setting(
      'MAIL_FOLDER',
      text,
      '.data/mail',
      'Where email.send writes .eml files when no SMTP server is set.',
    ),
  }),
  webhook: v.strictObject({
    secret: optionalSetting(
      'WEBHOOK_SECRET',
      text,
      'Signing secret of webhook.post (Standard Webhooks: whsec_…). Without it requests are not signed.',
      true,
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
    'Command line: a module whose default export is a list of handlers, or a function from settings to one; it stands in for src/handlers/index.ts.',
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
