/** ADO connection strings (`Server=…;Database=…;User Id=…;Password=…;Encrypt=true`), as far as they are used here. */

export interface ConnectionStringParts {
  readonly server?: string;
  readonly database?: string;
  readonly user?: string;
  readonly password?: string;
  readonly encrypt?: boolean;
  readonly trustServerCertificate?: boolean;
  readonly schema?: string;
}

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
    if (key === 'encrypt' || key === 'trustServerCertificate') parts[key] = isTrue(value);
    else parts[key] = value;
  }
  return parts;
}

/** Newer spellings of Encrypt, Mandatory and Strict, mean on. */
function isTrue(value: string): boolean {
  return ['true', 'yes', '1', 'mandatory', 'strict'].includes(value.trim().toLowerCase());
}
