/**
 * ADO connection strings (`Server=…;Database=…;User Id=…;Password=…;Encrypt=true`), as far as this engine uses them.
 */

export interface ConnectionStringParts {
  readonly server?: string;
  readonly database?: string;
  readonly user?: string;
  readonly password?: string;
  readonly encrypt?: Encryption;
  readonly trustServerCertificate?: boolean;
  readonly multiSubnetFailover?: boolean;
  /** `ApplicationIntent=ReadOnly`. */
  readonly readOnly?: boolean;
  /** As written, such as `Active Directory Default`. */
  readonly authentication?: string;
  /** Windows authentication. */
  readonly integratedSecurity?: boolean;
  readonly schema?: string;
  /** The first key with an invalid value, as written. */
  readonly unreadable?: string;
}

/** `strict`: TLS before anything else (TDS 8). */
export type Encryption = boolean | 'strict';

const keys: Readonly<Record<string, keyof ConnectionStringParts>> = {
  server: 'server',
  'data source': 'server',
  address: 'server',
  addr: 'server',
  'network address': 'server',
  database: 'database',
  'initial catalog': 'database',
  'user id': 'user',
  uid: 'user',
  user: 'user',
  password: 'password',
  pwd: 'password',
  encrypt: 'encrypt',
  trustservercertificate: 'trustServerCertificate',
  'trust server certificate': 'trustServerCertificate',
  multisubnetfailover: 'multiSubnetFailover',
  'multi subnet failover': 'multiSubnetFailover',
  applicationintent: 'readOnly',
  'application intent': 'readOnly',
  authentication: 'authentication',
  'integrated security': 'integratedSecurity',
  trusted_connection: 'integratedSecurity',
  /** Not an ADO key: the database schema of multi-outbox's objects. */
  schema: 'schema',
};

const entry = /\s*([^=;]+?)\s*=\s*(?:"((?:[^"]|"")*)"|'((?:[^']|'')*)'|([^;]*?))\s*(?:;|$)/gy;

/** Characters. Longer texts are not read, because the time that reading takes grows with the square of the length. */
export const longestConnectionString = 8_192;

/** Null when the text is not a connection string. Unknown keys are ignored: other programs may need them. */
export function parseConnectionString(text: string): ConnectionStringParts | null {
  if (text.length > longestConnectionString) return null;
  const parts: Record<string, string | boolean> = {};
  entry.lastIndex = 0;
  while (entry.lastIndex < text.length) {
    if (/^[\s;]*$/.test(text.slice(entry.lastIndex))) break;
    const match = entry.exec(text);
    if (match === null) return null;
    const [, name, double, single, plain] = match;
    const value = double?.replaceAll('""', '"') ?? single?.replaceAll("''", "'") ?? plain ?? '';
    const key = own(keys, name!.toLowerCase());
    if (key === undefined) continue;
    const flag = flags[key];
    const read = flag === undefined ? value : own(flag, value.trim().toLowerCase());
    if (read === undefined) parts.unreadable ??= name!;
    else parts[key] = read;
  }
  return parts;
}

const flag: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  1: true,
  false: false,
  no: false,
  0: false,
};

/** The values of keys that do not take text. */
const flags: Partial<Record<keyof ConnectionStringParts, Readonly<Record<string, Encryption>>>> = {
  encrypt: { ...flag, mandatory: true, optional: false, strict: 'strict' },
  trustServerCertificate: flag,
  multiSubnetFailover: flag,
  readOnly: { readonly: true, readwrite: false },
  integratedSecurity: { ...flag, sspi: true },
};

/** Not the values that every object inherits, such as that of 'constructor'. */
function own<Value>(values: Readonly<Record<string, Value>>, name: string): Value | undefined {
  return Object.hasOwn(values, name) ? values[name] : undefined;
}
