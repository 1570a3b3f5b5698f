/** The databases of the peers on PostgreSQL, and the number of statements that this process sends to them. */
export interface PostgresDatabases {
  urlOf(name: string): string;
  /** Makes the first database with the peer's own migration, and the others as copies of it. */
  make(names: readonly string[], migrate: (url: string) => Promise<void>): Promise<void>;
  drop(names: readonly string[]): Promise<void>;
  /** The number that a statement of one row and one column returns. */
  number(name: string, sql: string): Promise<number>;
  calls(): number;
}

interface Client {
  connect(): Promise<void>;
  query(sql: string): Promise<{ rows: Record<string, unknown>[] }>;
  end(): Promise<void>;
}
export interface Pg {
  readonly Client: { new (options: { connectionString: string }): Client; prototype: Client };
}

/** @param server a connection string */
export function postgresDatabases(server: string, pg: Pg): PostgresDatabases {
  let calls = 0;
  const { query } = pg.Client.prototype;
  pg.Client.prototype.query = function (...values) {
    calls++;
    return query.apply(this, values);
  };
  const urlOf = (name: string) => {
    const url = new URL(server);
    url.pathname = `/${encodeURIComponent(name)}`;
    return url.href;
  };
  const connected = async <T>(url: string, action: (client: Client) => Promise<T>): Promise<T> => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      return await action(client);
    } finally {
      await client.end();
    }
  };
  return {
    urlOf,
    make: (names, migrate) =>
      connected(server, async (admin) => {
        const [first, ...others] = names;
        await admin.query(`CREATE DATABASE "${first}"`);
        await migrate(urlOf(first!));
        for (const name of others) await admin.query(`CREATE DATABASE "${name}" TEMPLATE "${first}"`);
        // Not during the measurement.
        await admin.query('CHECKPOINT');
      }),
    drop: (names) =>
      connected(server, async (admin) => {
        for (const name of names) await admin.query(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
      }),
    number: (name, sql) =>
      connected(urlOf(name), async (client) => {
        const { rows } = await client.query(sql);
        return Number(Object.values(rows[0]!)[0]);
      }),
    calls: () => calls,
  };
}
