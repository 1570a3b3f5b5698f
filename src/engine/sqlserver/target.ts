/**
 * The address of a database and how to log in. Addresses have three forms: the registry's URL
 * (`mssql://server[:port]/database?schema=…` or `mssql:` and an ADO connection string), a tenant's row, and the
 * connection string in the app setting that a tenant's row names.
 */
import { MultiOutboxError, shownValue } from '../../errors.ts';
import type { TenantAddress } from '../engine.ts';
import {
  type ConnectionStringParts,
  type Encryption,
  longestConnectionString,
  parseConnectionString,
} from './connection-string.ts';
import { isPlainIdentifier } from './migrations/script.ts';
import { parseRegistryUrl, type RegistryUrl } from './registry-url.ts';
import { databaseName, parseServer, type ServerName, serverKey } from './server-name.ts';

export type TargetLogin =
  /** A token of the credential that all databases share. */
  | { readonly kind: 'token' }
  | { readonly kind: 'password'; readonly user: string; readonly password: string };

export interface ConnectionTarget extends ServerName {
  /** Without blanks at its end. */
  readonly database: string;
  readonly login: TargetLogin;
  readonly schema: string;
  /** Null: the engine's options decide. */
  readonly encrypt: Encryption | null;
  readonly trustServerCertificate: boolean | null;
  /** Tries all addresses of the server's name at once, as the listener of an availability group requires. */
  readonly multiSubnetFailover: boolean;
}

const defaultSchema = 'messaging';
/** Characters, as of every name in SQL Server. */
const longestDatabase = 128;
const badDatabase = `has a database whose name is not 1 to ${longestDatabase} characters long; correct it`;

/** @throws INVALID_CONFIGURATION, whose message never contains the URL, because that may contain a password */
export function registryTarget(url: string, env: NodeJS.ProcessEnv): ConnectionTarget {
  const refuse = (what: string): never => {
    throw new MultiOutboxError('INVALID_CONFIGURATION', `the registry's URL ${what}`);
  };
  if (url.length > longestConnectionString)
    return refuse(`has more than ${longestConnectionString} characters; shorten it`);
  if (!/^mssql:/i.test(url))
    return refuse(
      `does not begin with 'mssql:'; write mssql://server/database, or mssql: and a connection string`,
    );
  if (!/^mssql:\/\//i.test(url)) return fromConnectionString(url.slice('mssql:'.length), refuse);
  const parsed = parseRegistryUrl(url, refuse);
  const { server, database, parameters } = parsed;
  if (!isDatabaseName(database)) refuse(badDatabase);
  const allowed = ['schema', 'auth', 'encrypt', 'trustServerCertificate', 'multiSubnetFailover'];
  for (const name of parameters.keys()) {
    if (!allowed.includes(name))
      refuse(`has the unknown parameter ${shownValue(name)}; use only ${allowed.join(', ')}`);
  }
  const encrypt = parameters.get('encrypt');
  const flagOf = (name: string) => flag(name, parameters.get(name), refuse);
  const setting = namedSetting(parsed, env, refuse);
  const stated = <Value>(name: string, inUrl: Value | null, inSetting: Value | undefined): Value | null => {
    if (inUrl !== null && inSetting !== undefined && inUrl !== inSetting)
      refuse(`and the app setting that it names have different values of '${name}'; write it in one of them`);
    return inUrl ?? inSetting ?? null;
  };
  const schema = stated('schema', parameters.get('schema'), setting?.parts.schema) ?? defaultSchema;
  if (!isPlainIdentifier(schema))
    refuse(
      'has a schema that is not a plain identifier of at most 117 characters; use letters, digits and _',
    );
  return {
    ...server,
    database,
    login: setting?.login ?? loginOf(parsed, refuse),
    schema,
    encrypt: stated(
      'encrypt',
      encrypt === 'strict' ? encrypt : flag('encrypt', encrypt, refuse),
      setting?.parts.encrypt,
    ),
    trustServerCertificate: stated(
      'trustServerCertificate',
      flagOf('trustServerCertificate'),
      setting?.parts.trustServerCertificate,
    ),
    multiSubnetFailover:
      stated('multiSubnetFailover', flagOf('multiSubnetFailover'), setting?.parts.multiSubnetFailover) ??
      false,
  };
}

function loginOf({ user, password, parameters }: RegistryUrl, refuse: (what: string) => never): TargetLogin {
  const auth = parameters.get('auth') ?? (user === '' ? 'managed-identity' : 'password');
  if (auth === 'managed-identity') return { kind: 'token' };
  if (auth === 'password') return { kind: 'password', user, password };
  // The value is not shown: it may be a connection string by mistake.
  return refuse(
    "has an unknown value of 'auth'; use managed-identity, or setting: and the name of an app setting",
  );
}

/**
 * The connection string in the app setting that the registry's URL names; null when it names none. A part that both
 * state must be the same in both.
 */
function namedSetting(
  { server, database, user, parameters }: RegistryUrl,
  env: NodeJS.ProcessEnv,
  refuse: (what: string) => never,
): { readonly login: TargetLogin; readonly parts: ConnectionStringParts } | null {
  const [, name] = /^setting:([A-Za-z_]\w{0,127})$/.exec(parameters.get('auth') ?? '') ?? [];
  if (name === undefined) return null;
  const inSetting = (what: string) => refuse(`names the app setting '${name}', which ${what}`);
  if (user !== '')
    refuse(`has a user, and names the app setting '${name}' for the login; leave one of them out`);
  const value = appSetting(env, name);
  if (value === '') inSetting('is not set; set it to the connection string');
  const named = fromConnectionString(value, inSetting, database);
  const parts = parseConnectionString(value)!;
  if (serverKey(named) !== serverKey(server))
    refuse(
      `names '${serverKey(server)}', but the app setting '${name}' names '${serverKey(named)}'; name one server in both`,
    );
  const other = parts.database === undefined ? database : databaseName(parts.database);
  if (other.toLowerCase() !== database.toLowerCase())
    refuse(
      `names the database ${shownValue(database)}, but the app setting '${name}' names ${shownValue(other)}; name one database in both`,
    );
  return { login: named.login, parts };
}

function isDatabaseName(text: string): boolean {
  return text !== '' && text.length <= longestDatabase;
}

/** The value of an app setting, '' when it is not set. An inherited name such as 'constructor' is not an app setting. */
function appSetting(env: NodeJS.ProcessEnv, name: string): string {
  return Object.hasOwn(env, name) ? (env[name] ?? '') : '';
}

function flag(name: string, value: string | null, refuse: (what: string) => never): boolean | null {
  if (value === null) return null;
  if (value !== 'true' && value !== 'false')
    refuse(
      `has an unknown value of '${name}'; it takes true${name === 'encrypt' ? ', false or strict' : ' or false'}`,
    );
  return value === 'true';
}

function valuesOf(key: string): string {
  const name = key.replaceAll(' ', '').toLowerCase();
  if (name === 'applicationintent') return 'ReadWrite';
  return name === 'encrypt' ? 'true, false or strict' : 'true or false';
}

function fromConnectionString(
  text: string,
  refuse: (what: string) => never,
  database?: string,
): ConnectionTarget {
  const parts = parseConnectionString(text);
  const server = parts?.server === undefined ? null : parseServer(parts.server);
  if (parts === null || server === null)
    return refuse(
      'is not a connection string that names a server; write it as Server=…;Database=…;User Id=…;Password=…',
    );
  const named = database ?? (parts.database === undefined ? undefined : databaseName(parts.database));
  if (named === undefined) return refuse('names no database; add Database=…');
  if (!isDatabaseName(named)) refuse(badDatabase);
  const schema = parts.schema ?? defaultSchema;
  if (!isPlainIdentifier(schema))
    refuse(
      'has a schema that is not a plain identifier of at most 117 characters; use letters, digits and _',
    );
  if (parts.unreadable !== undefined)
    refuse(`has an unknown value of '${parts.unreadable}'; use ${valuesOf(parts.unreadable)}`);
  // A listener would route the connections to a secondary.
  if (parts.readOnly) refuse('asks for ApplicationIntent=ReadOnly, but every call writes; leave it out');
  return {
    ...server,
    database: named,
    login: namedLogin(parts, refuse),
    schema,
    encrypt: parts.encrypt ?? null,
    trustServerCertificate: parts.trustServerCertificate ?? null,
    multiSubnetFailover: parts.multiSubnetFailover ?? false,
  };
}

/** Values of Authentication, in lower case without blanks, for which the engine uses a token of its credential. */
const byToken = new Set([
  'activedirectorydefault',
  'activedirectorymanagedidentity',
  'activedirectorymsi',
  'activedirectoryworkloadidentity',
]);

/** Refuses unsupported kinds of login, which would fail at best, and use the wrong identity at worst. */
function namedLogin(parts: ConnectionStringParts, refuse: (what: string) => never): TargetLogin {
  const { user, password, authentication, integratedSecurity = false } = parts;
  if (integratedSecurity)
    return refuse('asks for Windows authentication, which is not supported; use a User Id or a token');
  const asked = authentication?.replaceAll(' ', '').toLowerCase() ?? '';
  if (byToken.has(asked)) {
    if (user === undefined && password === undefined) return { kind: 'token' };
    return refuse(
      'names a User Id or a Password beside an Authentication by token; leave them out, and choose a user-assigned identity by AZURE_CLIENT_ID',
    );
  }
  if (asked !== '' && asked !== 'sqlpassword') {
    return refuse(
      'has an Authentication that is not supported; use Sql Password, or Active Directory Default, which takes service principals and managed identities from the environment',
    );
  }
  if (user !== undefined) return { kind: 'password', user, password: password ?? '' };
  if (asked === 'sqlpassword')
    return refuse('asks for Sql Password and names no User Id; add a User Id and a Password');
  return { kind: 'token' };
}

/**
 * A tenant's target. If the tenant names an app setting, the setting's connection string decides which server gets the
 * credentials: the row may omit the server, but may not name another one.
 * @throws INVALID_TENANT
 */
export function tenantTarget(address: TenantAddress, env: NodeJS.ProcessEnv): ConnectionTarget {
  const refuse = (what: string): never => {
    throw new MultiOutboxError('INVALID_TENANT', `tenant '${address.id}': ${what}`, { tenantId: address.id });
  };
  const { server, auth, schema } = address;
  const database = databaseName(address.database);
  if (!isPlainIdentifier(schema))
    refuse(`its schema must be a plain identifier of at most 117 characters, such as '${defaultSchema}'`);
  if (!isDatabaseName(database)) refuse(`its database must be a name of 1 to ${longestDatabase} characters`);
  const named = server === '' ? null : parseServer(server);
  if (server !== '' && named === null) {
    refuse(
      "its server is not the name of one; write name, name,port or name\\instance, where the name is an IP address, or letters, digits, '-' and '_' between dots",
    );
  }
  if (auth.kind === 'managed-identity') {
    if (named === null) return refuse('its server is empty; name the SQL server that has the database');
    return {
      ...named,
      database,
      login: { kind: 'token' },
      schema,
      encrypt: null,
      trustServerCertificate: null,
      multiSubnetFailover: false,
    };
  }
  const value = appSetting(env, auth.name);
  if (value === '') {
    return refuse(`the app setting '${auth.name}' is not set; put the connection string there`);
  }
  const inSetting = (what: string) => refuse(`the app setting '${auth.name}' ${what}`);
  const parts = parseConnectionString(value);
  const other = parts?.database === undefined ? database : databaseName(parts.database);
  if (other.toLowerCase() !== database.toLowerCase()) {
    inSetting(
      `names the database ${shownValue(other)}, but the tenant's is '${database}'; correct one of them`,
    );
  }
  const target = fromConnectionString(value, inSetting, database);
  if (named !== null && serverKey(named) !== serverKey(target)) {
    inSetting(
      `names the server '${serverKey(target)}', but the tenant's is '${serverKey(named)}'; correct one of them`,
    );
  }
  // Exact, as in a registry's URL: in a database that distinguishes case, these are two schemas.
  if (parts?.schema !== undefined && parts.schema !== schema) {
    inSetting(`names the schema '${target.schema}', but the tenant's is '${schema}'; correct one of them`);
  }
  return { ...target, schema };
}
