/** ADO connection strings (`Server=…;Database=…;User Id=…;Password=…;Encrypt=true`), as far as they are used here. */

export interface ConnectionStringParts {
  readonly server?: string;
  readonly database?: string;
  readonly user?: string;
  readonly password?: string;
  readonly encrypt?: Encryption;
  readonly trustServerCertificate?: boolean;
  readonly multiSubnetFailover?: boolean;
  /** As written, such as `Active Directory Default`. */
  readonly authentication?: string;
  /** Windows authentication. */
  readonly integratedSecurity?: boolean;
  readonly schema?: string;
  /** The first key with a value that it does not take, as written. */
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
  authentication: 'authentication',
  'integrated security': 'integratedSecurity',
  trusted_connection: 'integratedSecurity',
  /** Not ADO's: the database schema that holds the objects. */
  schema: 'schema',
};

const entry = /\s*([^=;]+?)\s*=\s*(?:"((?:[^"]|"")*)"|'((?:[^']|'')*)'|([^;]*?))\s*(?:;|$)/gy;

/** Null when the text is no connection string. Unknown keys are left alone: other programs may need them. */
export function parseConnectionString(text: string): ConnectionStringParts | null {
  const parts: Record<string, string | boolean> = {};
  entry.lastIndex = 0;
  while (entry.lastIndex < text.length) {
    if (/^[\s;]*$/.test(text.slice(entry.lastIndex))) break;
    const match = entry.exec(text);
    if (match === null) return null;
    const [, name, double, single, plain] = match;
    const value = double?.replaceAll('""', '"') ?? single?.replaceAll("''", "'") ?? plain ?? '';
    const key = keys[name!.toLowerCase()];
    if (key === undefined) continue;
    const flag = flags[key];
    const read = flag === undefined ? value : flag[value.trim().toLowerCase()];
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

/** What the keys that are no texts take. */
const flags: Partial<Record<keyof ConnectionStringParts, Readonly<Record<string, Encryption>>>> = {
  encrypt: { ...flag, mandatory: true, optional: false, strict: 'strict' },
  trustServerCertificate: flag,
  multiSubnetFailover: flag,
  integratedSecurity: { ...flag, sspi: true },
};
