import { DatabaseSync } from 'node:sqlite';

/** Adds copies of the tenant acme, t000001 and so on, in one statement; they have no databases. */
export function addManyTenants(registryFile: string, many: number): void {
  const registry = new DatabaseSync(registryFile, { timeout: 5_000 });
  const columns = registry
    .prepare("SELECT name FROM pragma_table_info('Tenants')")
    .all()
    .map(({ name }) => String(name));
  const values = columns.map((name) => {
    if (name === 'Id') return "printf('t%06d', n)";
    if (name === 'DatabaseName') return "printf('tenants/t%06d.db', n)";
    if (name === 'DatabaseKey' || name === 'FileId') return "'key' || n";
    if (name === 'Version') return 'Version + n';
    if (name === 'Tags') return "json_object('batch', CAST(n / 250 AS TEXT))";
    if (name === 'FailureStreak') return 'n % 7';
    return name;
  });
  registry.exec(
    `WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${many})
     INSERT INTO Tenants (${columns.join(', ')}) SELECT ${values.join(', ')} FROM numbers, Tenants WHERE Id = 'acme'`,
  );
  registry.close();
}
