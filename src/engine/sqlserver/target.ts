/**
 * The address of a database and how to log in. Addresses have three forms: the registry's URL
 * (`mssql://server[:port]/database?schema=…` or `mssql:` and an ADO connection string), a tenant's row, and the
 * connection string in the app setting that a tenant's row names.
 */
import { MultiOutboxError } from '../../errors.ts';
import type { TenantAddress } from '../engine.ts';
import { type ConnectionStringParts, type Encryption, parseConnectionString } from './connection-string.ts';
import { isPlainIdentifier } from './migrations/script.ts';

export type TargetLogin =
  /** A token of the credential that all databases share. */
  | { readonly kind: 'token' }
  | { readonly kind: 'password'; readonly user: string; readonly password: string };

export interface ConnectionTarget {
  /** Lower case, without protocol and port. */
  readonly host: string;
  readonly port: number;
  /** A named instance, which chooses its own port. */
  readonly instance: string | null;
  readonly database: string;
  readonly login: TargetLogin;
  readonly schema: string;
  /** Null: the engine's options decide. */
  readonly encrypt: Encryption | null;
  readonly trustServerCertificate: boolean | null;
  /** Tries all addresses of the server's name at once, as the listener of an availability group requires. */
  readonly multiSubnetFailover: boolean;
}

export interface ServerName {
  readonly host: string;
  readonly port: number;
  readonly instance: string | null;
}

const defaultPort = 1433;
const defaultSchema = 'messaging';

/** `tcp:Server\Instance,1433` and its shorter forms; also `server:1433`. Null if the text is none of these. */
export function parseServer(text: string): ServerName | null {
  const match =
    /^(?:tcp:)?(?<host>\[[0-9a-f:]+\]|[^,:\\\s/@;]+)(?:\\(?<instance>[^,:\\\s]+))?(?:[,:]\s*(?<port>\d{1,5}))?$/i.exec(
      text.trim(),
    );
  if (match?.groups?.host === undefined) return null;
  const port = Number(match.groups.port ?? defaultPort);
  if (port < 1 || port > 65_535) return null;
  const host = match.groups.host.toLowerCase().replace(/^\[|\]$/g, '');
  return {
    host: ['.', '(local)'].includes(host) ? 'localhost' : host,
    port,
    // A port identifies the instance, so its name is ignored.
    instance: match.groups.port === undefined ? (match.groups.instance?.toLowerCase() ?? null) : null,
  };
}

/** Two keys are equal exactly when their targets mean the same physical database (F1). */
export function databaseKey(target: ServerName & { readonly database: string }): string {
  return `${serverKey(target)}/${target.database.toLowerCase()}`;
}

export function serverKey({ host, port, instance }: ServerName): string {
  return instance === null ? `${host},${port}` : `${host}\\${instance}`;
}

/** @throws INVALID_CONFIGURATION, whose message never contains the URL, because that may contain a password */
export function registryTarget(url: string, env: NodeJS.ProcessEnv): ConnectionTarget {
  const refuse = (what: string): never => {
    throw new MultiOutboxError('INVALID_CONFIGURATION', `the registry's URL ${what}`);
  };
  if (!/^mssql:/i.test(url))
    return refuse(
      `does not begin with 'mssql:'; write mssql://server/database, or mssql: and a connection string`,
    );
  if (!/^mssql:\/\//i.test(url)) return fromConnectionString(url.slice('mssql:'.length), refuse);
  let parsed: URL;
  try {
    parsed = new URL(url.replace(/^mssql:/i, 'mssql:'));
  } catch {
    return refuse('cannot be read; write it as mssql://server/database');
  }
  const server = parseServer(`${parsed.hostname}${parsed.port === '' ? '' : `,${parsed.port}`}`);
  const database = decodeURIComponent(parsed.pathname.slice(1));
  if (server === null || database === '' || database.includes('/'))
    return refuse('names no server and database; write it as mssql://server/database');
  const allowed = ['schema', 'auth', 'encrypt', 'trustServerCertificate', 'multiSubnetFailover'];
  for (const name of parsed.searchParams.keys()) {
    if (!allowed.includes(name))
      refuse(`has the unknown parameter '${name}'; use only ${allowed.join(', ')}`);
  }
  const encrypt = parsed.searchParams.get('encrypt');
  const flagOf = (name: string) => flag(name, parsed.searchParams.get(name), refuse);
  const schema = parsed.searchParams.get('schema') ?? defaultSchema;
  if (!isPlainIdentifier(schema))
    refuse(
      'has a schema that is not a plain identifier of at most 117 characters; use letters, digits and _',
    );
  return {
    ...server,
    database,
    login: loginOf(parsed, server, env, refuse),
    schema,
    encrypt: encrypt === 'strict' ? encrypt : flag('encrypt', encrypt, refuse),
    trustServerCertificate: flagOf('trustServerCertificate'),
    multiSubnetFailover: flagOf('multiSubnetFailover') ?? false,
  };
}

function loginOf(
  url: URL,
  server: ServerName,
  env: NodeJS.ProcessEnv,
  refuse: (what: string) => never,
): TargetLogin {
  const auth = url.searchParams.get('auth') ?? (url.username === '' ? 'managed-identity' : 'password');
  if (auth === 'managed-identity') return { kind: 'token' };
  if (auth === 'password') {
    const [user, password] = [url.username, url.password].map(decodeURIComponent) as [string, string];
    return { kind: 'password', user, password };
  }
  if (!auth.startsWith('setting:'))
    return refuse(`has 'auth=${auth}', which is unknown; use managed-identity or setting:NAME`);
  const name = auth.slice('setting:'.length);
  const value = env[name];
  if (value === undefined || value === '')
    return refuse(`names the app setting '${name}', which is not set; set it to the connection string`);
  const named = fromConnectionString(value, refuse, url.pathname.slice(1));
  if (serverKey(named) !== serverKey(server))
    refuse(
      `names '${serverKey(server)}', but the app setting '${name}' names '${serverKey(named)}'; name one server in both`,
    );
  return named.login;
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
  const named = database ?? parts.database;
  if (named === undefined) return refuse('names no database; add Database=…');
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
  const { server, database, auth, schema } = address;
  if (!isPlainIdentifier(schema))
    refuse(`its schema must be a plain identifier of at most 117 characters, such as '${defaultSchema}'`);
  if (database.trim() === '' || database.length > 128)
    refuse('its database must be a name of 1 to 128 characters');
  const named = server === '' ? null : parseServer(server);
  if (server !== '' && named === null) refuse(`its server cannot be read; write 'name' or 'name,port'`);
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
  const value = env[auth.name];
  if (value === undefined || value === '') {
    return refuse(`the app setting '${auth.name}' is not set; put the connection string there`);
  }
  const inSetting = (what: string) => refuse(`the app setting '${auth.name}' ${what}`);
  const parts = parseConnectionString(value);
  if (parts?.database !== undefined && parts.database.toLowerCase() !== database.toLowerCase()) {
    inSetting(
      `names the database '${parts.database}', but the tenant's is '${database}'; correct one of them`,
    );
  }
  const target = fromConnectionString(value, inSetting, database);
  if (named !== null && serverKey(named) !== serverKey(target)) {
    inSetting(
      `names the server '${serverKey(target)}', but the tenant's is '${serverKey(named)}'; correct one of them`,
    );
  }
  return { ...target, schema };
}
