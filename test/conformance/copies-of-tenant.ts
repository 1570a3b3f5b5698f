/**
 * The statements of `copyTenant`, for engines whose function `rows` makes a row with a `value` of each element of a JSON
 * array.
 */
export function copiesOfTenant(id: string, copies: number, rows: string, schema = ''): string {
  const copied = 'Auth, SchemaName, Priority, Weight, Tags, Overrides, Status, DatabaseVersion, AddedUtc';
  const schedule = 'NextDueUtc, LastPlannedUtc, LastRunUtc';
  const numbers = Array.from({ length: copies }, (_, index) => String(index + 1).padStart(4, '0'));
  return `INSERT INTO ${schema}Tenants (Id, Server, DatabaseName, DatabaseKey, Version, ${copied}, ${schedule})
    SELECT CONCAT('${id}-', n.value), Server, CONCAT('${id}-', n.value), CONCAT('${id}-', n.value),
      (SELECT MAX(Version) FROM ${schema}Tenants) + CAST(n.value AS int), ${copied}, ${schedule}
    FROM ${schema}Tenants CROSS JOIN (SELECT value FROM ${rows}('${JSON.stringify(numbers)}')) n WHERE Id = '${id}';
    UPDATE ${schema}RegistryState SET TenantVersion = (SELECT MAX(Version) FROM ${schema}Tenants)`;
}
