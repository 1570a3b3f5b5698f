/** Finds the differences between a database and the scripts that created it. */
import type { SchemaFinding } from '../../schema.ts';
import type { Catalog } from './catalog.ts';
import { type Manifest, type ManifestColumn, plainDefinition } from './manifest.ts';

export function compare(manifest: Manifest, catalog: Catalog): SchemaFinding[] {
  const findings: SchemaFinding[] = [];
  const drift = (message: string) => findings.push({ severity: 'problem', kind: 'drift', message });
  if (!catalog.complete) {
    findings.push({
      severity: 'advice',
      kind: 'drift',
      message:
        'drift was not looked for, because this login may not read definitions; grant it VIEW DEFINITION',
    });
  } else {
    for (const [table, columns] of manifest.tables) {
      const found = catalog.columns.filter((column) => column.table === table);
      if (found.length === 0) {
        drift(`the table '${table}' is missing`);
        continue;
      }
      for (const [name, column] of columns) {
        const its = found.find((candidate) => candidate.name === name);
        if (its === undefined) drift(`the column '${table}.${name}' is missing`);
        else if (!sameColumn(column, its)) drift(`the column '${table}.${name}' has another type`);
      }
      for (const { name } of found) if (!columns.has(name)) drift(`the column '${table}.${name}' was added`);
    }
    for (const [table, names] of manifest.indexes) {
      const found = catalog.indexes.filter((index) => index.table === table).map(({ name }) => name);
      for (const name of names) {
        // Babelfish names an index by its name, its table's name and a hash, cut to 63 bytes.
        const kept = (one: string) =>
          one === name ||
          (catalog.babelfish && new RegExp(`^${name}${table.slice(0, 20)}\\w*[0-9a-f]{8}$`).test(one));
        if (!found.some(kept)) drift(`the index '${name}' of '${table}' is missing`);
      }
    }
    for (const [name, definition] of manifest.modules) {
      const found = catalog.modules.get(name);
      if (found === undefined) drift(`'${name}' is missing`);
      else if (found !== null && plainDefinition(found) !== definition)
        drift(`'${name}' was changed by hand`);
    }
    for (const role of manifest.roles) if (!catalog.roles.has(role)) drift(`the role '${role}' is missing`);
  }
  if (catalog.refused.length > 0) {
    findings.push({
      severity: 'problem',
      kind: 'rights',
      message: `this login may not execute ${catalog.refused.join(', ')}; make it a member of the dispatcher role`,
    });
  }
  if (!catalog.readCommittedSnapshot) {
    findings.push({
      severity: 'advice',
      kind: 'setting',
      message: 'READ_COMMITTED_SNAPSHOT is off; turn it on, so that readers do not wait for writers',
    });
  }
  return findings;
}

function sameColumn(expected: ManifestColumn, found: Catalog['columns'][number]): boolean {
  // Servers differ in the type and nullability that they show for a computed column.
  if (expected.computed) return found.computed;
  return (
    expected.type === found.type &&
    expected.nullable === found.nullable &&
    (expected.length === null || expected.length === found.length)
  );
}
