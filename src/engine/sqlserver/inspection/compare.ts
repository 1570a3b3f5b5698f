/** Finds the differences between a database and the scripts that created it, and says how to undo each. */
import type { SchemaFinding } from '../../schema.ts';
import type { Catalog, CatalogIndex } from './catalog.ts';
import {
  type Manifest,
  type ManifestColumn,
  type ManifestIndex,
  plainDefinition,
  plainFilter,
} from './manifest.ts';
import { unmetRequirement } from './requirements.ts';

export function compare(manifest: Manifest, catalog: Catalog): SchemaFinding[] {
  return [...driftOf(manifest, catalog), ...rightsOf(manifest, catalog), ...settingsOf(catalog)];
}

function driftOf(manifest: Manifest, catalog: Catalog): SchemaFinding[] {
  if (!catalog.complete) {
    const message =
      'drift could not be looked for, because this login may not read definitions; grant it VIEW DEFINITION';
    return [{ severity: 'advice', kind: 'drift', message }];
  }
  const messages = [
    ...[...manifest.tables.keys()].flatMap((table) => tableDrift(table, manifest, catalog)),
    ...[...manifest.indexes].flatMap(([table, indexes]) =>
      [...indexes].flatMap(([name, index]) => indexDrift(table, name, index, catalog)),
    ),
    ...[...manifest.modules.keys()].flatMap((name) => moduleDrift(name, manifest, catalog)),
    ...[...manifest.roles]
      .filter((role) => !catalog.roles.has(role))
      .map((role) => `the role '${role}' is missing; ${runAgain(role, manifest)}`),
  ];
  return messages.map((message) => ({ severity: 'problem', kind: 'drift', message }));
}

/** Every script may be run again: it keeps tables and their rows, and replaces procedures (sql/README.md). */
function runAgain(object: string, { scripts }: Manifest): string {
  return `run sql/${scripts.get(object)} again, with sqlcmd as sql/README.md shows`;
}

function tableDrift(table: string, manifest: Manifest, catalog: Catalog): string[] {
  const columns = manifest.tables.get(table)!;
  const found = catalog.columns.filter((column) => column.table === table);
  if (found.length === 0) {
    return [
      `the table '${table}' is missing; restore it from a backup, or create it empty: ${runAgain(table, manifest)}`,
    ];
  }
  const place = manifest.places.get(table);
  const messages: string[] = [];
  for (const [name, column] of columns) {
    const its = found.find((candidate) => candidate.name === name);
    const { declaration } = column;
    if (its === undefined)
      messages.push(
        `the column '${table}.${name}' is missing; add it again: ALTER TABLE ${place} ADD ${declaration}`,
      );
    else if (!sameColumn(column, its))
      messages.push(
        `the column '${table}.${name}' has another type; change it back with ALTER TABLE ${place}: it must be ${declaration}`,
      );
  }
  for (const { name } of found)
    if (!columns.has(name))
      messages.push(
        `the column '${table}.${name}' was added; move its data to a table of your own, then drop the column`,
      );
  const escalation = catalog.lockEscalation.get(table);
  if (manifest.withoutEscalation.has(table) && escalation !== 'DISABLE' && !catalog.babelfish)
    messages.push(
      `the table '${table}' has LOCK_ESCALATION = ${escalation}, so one large transaction can stop all runs; run ALTER TABLE ${place} SET (LOCK_ESCALATION = DISABLE)`,
    );
  return messages;
}

function indexDrift(table: string, name: string, index: ManifestIndex, catalog: Catalog): string[] {
  const { babelfish } = catalog;
  // Babelfish names an index by its name, its table's name and a hash, cut to 63 bytes.
  const isIt = (one: CatalogIndex) =>
    one.table === table &&
    (one.name === name ||
      (babelfish && new RegExp(`^${name}${table.slice(0, 20)}\\w*[0-9a-f]{8}$`).test(one.name)));
  const found = catalog.indexes.find(isIt);
  const what = `the index '${name}' of '${table}'`;
  if (found === undefined) return [`${what} is missing; create it again: ${index.statement}`];
  // Babelfish does not show an index's other properties.
  if (babelfish) return [];
  if (found.unique !== index.unique || plainFilter(found.filter) !== plainFilter(index.filter)) {
    return [`${what} has another filter or uniqueness; drop it, and create it again: ${index.statement}`];
  }
  const messages: string[] = [];
  if (found.disabled)
    messages.push(
      `${what} is disabled, so the server does not use it; run ALTER INDEX ${index.place} REBUILD`,
    );
  if (found.pageLocks && !index.pageLocks)
    messages.push(
      `${what} allows page locks, which a claim cannot skip; run ALTER INDEX ${index.place} SET (ALLOW_PAGE_LOCKS = OFF)`,
    );
  return messages;
}

function moduleDrift(name: string, manifest: Manifest, catalog: Catalog): string[] {
  const found = catalog.modules.get(name);
  const next = runAgain(name, manifest);
  if (found === undefined) return [`'${name}' is missing; ${next}`];
  if (found !== null && plainDefinition(found) !== manifest.modules.get(name))
    return [`'${name}' was changed by hand; ${next}`];
  if (catalog.createdWithoutAnsi.has(name)) {
    return [
      `'${name}' was created with QUOTED_IDENTIFIER or ANSI_NULLS off, so that its writes fail (error 1934); ${next}`,
    ];
  }
  return [];
}

function rightsOf({ scripts, roles }: Manifest, catalog: Catalog): SchemaFinding[] {
  const findings: SchemaFinding[] = [];
  const { refused, schemaOwner, objectsOfOthers, schema } = catalog;
  if (refused.length > 0) {
    findings.push({
      severity: 'problem',
      kind: 'rights',
      message: `this login may not execute ${refused.join(', ')}; make it a member of the dispatcher role`,
    });
  }
  // A new owner loses all grants on the objects, so the script of the roles must follow.
  const [role] = roles;
  const grants = `then run sql/${scripts.get(role ?? '')} again, because a change of owner removes the grants`;
  if (objectsOfOthers.length > 0) {
    findings.push({
      severity: 'problem',
      kind: 'rights',
      message: `${objectsOfOthers.join(', ')} in the schema '${schema}' belong to other users than the schema, so that the roles' members are refused (error 229); run ALTER AUTHORIZATION ON OBJECT::[${schema}].[…] TO SCHEMA OWNER for each, ${grants}`,
    });
  }
  if (schemaOwner !== null && schemaOwner !== 'dbo') {
    findings.push({
      severity: 'advice',
      kind: 'rights',
      message: `the schema '${schema}' belongs to '${schemaOwner}', who can therefore read and change all messages; to give it to dbo, run ALTER AUTHORIZATION ON SCHEMA::[${schema}] TO dbo, ${grants}`,
    });
  }
  return findings;
}

function settingsOf({ facts, readCommittedSnapshot }: Catalog): SchemaFinding[] {
  const findings: SchemaFinding[] = [];
  const unmet = unmetRequirement(facts);
  if (unmet !== null) findings.push({ severity: 'problem', kind: 'setting', message: unmet });
  if (!readCommittedSnapshot) {
    findings.push({
      severity: 'advice',
      kind: 'setting',
      message:
        'READ_COMMITTED_SNAPSHOT is off; turn it on, so that readers do not wait for writers: when no other connection is open, run ALTER DATABASE CURRENT SET READ_COMMITTED_SNAPSHOT ON',
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
