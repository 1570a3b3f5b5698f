/**
 * The objects that a database of a schema version must have. They are read from its scripts, so that no second list is
 * needed. Names are in lower case, because some servers store them so.
 */
import { splitBatches } from '../migrations/script.ts';
import type { Migration } from '../migrations/steps.ts';

export interface ManifestColumn {
  readonly type: string;
  /** Bytes of a text column, as the server's catalog counts them, -1 for max; null for other types. */
  readonly length: number | null;
  readonly nullable: boolean;
  readonly computed: boolean;
}

export interface Manifest {
  /** Columns by table and column. */
  readonly tables: ReadonlyMap<string, ReadonlyMap<string, ManifestColumn>>;
  /** Indexes and the primary key by table. */
  readonly indexes: ReadonlyMap<string, ReadonlySet<string>>;
  /** The text of procedures, functions and views by name, in the form of `plainDefinition`. */
  readonly modules: ReadonlyMap<string, string>;
  readonly roles: ReadonlySet<string>;
  /** Procedures that a dispatching program must be allowed to execute. */
  readonly dispatched: ReadonlySet<string>;
}

const named = String.raw`\[\w+\]\.\[(\w+)\]`;
const table = new RegExp(String.raw`CREATE TABLE ${named} \(\n([\s\S]*?)\n *\);`, 'g');
const column = /^(\w+) (AS\b|[a-z]\w*)(?:\((\w+)[^)]*\))?/;
const index = new RegExp(
  String.raw`CREATE (?:UNIQUE )?(?:CLUSTERED |NONCLUSTERED )?INDEX \[(\w+)\] ON ${named}`,
  'g',
);
const dropped = new RegExp(String.raw`DROP INDEX (?:IF EXISTS )?\[(\w+)\] ON ${named}`, 'g');
const added = new RegExp(String.raw`ALTER TABLE ${named} ADD (\w+ [a-z].*)`, 'g');
const definedModule = new RegExp(`^(?:CREATE|ALTER) (?:PROCEDURE|FUNCTION|VIEW) ${named}`);
const quotedView = /EXEC\(N'(CREATE VIEW [\s\S]*?)'\);?\s*$/;
const role = /CREATE ROLE \[(\w+)\]/g;
const grant = new RegExp(String.raw`GRANT EXECUTE ON ${named} TO \[\w+_dispatcher\]`, 'g');
const onBabelfish = /SERVERPROPERTY\('Babelfish'\) = 1/;

/** @param migrations the steps that were applied */
export function manifestOf(migrations: readonly Migration[], schema: string): Manifest {
  const tables = new Map<string, Map<string, ManifestColumn>>();
  const indexes = new Map<string, Set<string>>();
  const modules = new Map<string, string>();
  const roles = new Set<string>();
  const dispatched = new Set<string>();
  for (const { text } of migrations) {
    for (const batch of splitBatches(text.replaceAll('$(Schema)', schema))) {
      const statements = withoutLeadingComments(batch);
      const view = quotedView.exec(statements)?.[1]?.replaceAll("''", "'");
      const definition = view ?? statements;
      const name = definedModule.exec(definition)?.[1];
      if (name !== undefined) {
        modules.set(name.toLowerCase(), plainDefinition(definition));
        continue;
      }
      for (const [, tableName, body] of batch.matchAll(table)) {
        tables.set(tableName!.toLowerCase(), columnsOf(body!));
        const key = /\[(PK_\w+)\]/.exec(body!)?.[1];
        indexes.set(tableName!.toLowerCase(), new Set(key === undefined ? [] : [key.toLowerCase()]));
      }
      for (const [, tableName, body] of batch.matchAll(added)) {
        for (const [columnName, its] of columnsOf(body!))
          tables.get(tableName!.toLowerCase())?.set(columnName, its);
      }
      for (const [, indexName, on] of batch.matchAll(index))
        indexes.get(on!.toLowerCase())?.add(indexName!.toLowerCase());
      for (const [, indexName, on] of batch.matchAll(dropped))
        indexes.get(on!.toLowerCase())?.delete(indexName!.toLowerCase());
      for (const [, roleName] of batch.matchAll(role)) roles.add(roleName!.toLowerCase());
      if (onBabelfish.test(batch)) continue;
      for (const [, procedure] of batch.matchAll(grant)) dispatched.add(procedure!);
    }
  }
  return { tables, indexes, modules, roles, dispatched };
}

function columnsOf(body: string): Map<string, ManifestColumn> {
  const columns = new Map<string, ManifestColumn>();
  for (const line of body.split('\n').map((each) => each.trim())) {
    const match = line.startsWith('--') || line.startsWith('CONSTRAINT') ? null : column.exec(line);
    if (match === null) continue;
    const [, name, type, size] = match;
    columns.set(name!.toLowerCase(), {
      type: type!.toLowerCase(),
      length: type === 'nvarchar' ? (size === 'max' ? -1 : Number(size) * 2) : null,
      nullable: !/\bNOT NULL\b/.test(line),
      computed: type === 'AS',
    });
  }
  return columns;
}

/** Normalises a definition: removes leading comments, and makes its verb and spacing uniform. */
export function plainDefinition(definition: string): string {
  return withoutLeadingComments(definition)
    .replace(/^(CREATE OR ALTER|CREATE|ALTER)\b/i, 'CREATE')
    .replace(/\s+/g, ' ')
    .replace(/[;\s]+$/, '');
}

function withoutLeadingComments(text: string): string {
  return text.replace(/^(?:\s*--[^\n]*\n|\s*\/\*[\s\S]*?\*\/)*\s*/, '');
}
