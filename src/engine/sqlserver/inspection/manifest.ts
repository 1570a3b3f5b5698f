/**
 * The objects that a database of a schema version must have. They are read from its scripts, so that no second list is
 * needed. Names are in lower case, because some servers store them so.
 */
import { splitBatches } from '../migrations/script.ts';
import type { Migration } from '../migrations/steps.ts';

export interface ManifestColumn {
  readonly type: string;
  /** The length of a text column in bytes, as in the server's catalog (-1 means max); null for other types. */
  readonly length: number | null;
  readonly nullable: boolean;
  readonly computed: boolean;
  /** The column's line in the script. */
  readonly declaration: string;
}

export interface ManifestIndex {
  /** As ALTER INDEX names it: the index, ON, and its table. */
  readonly place: string;
  /** The statement that creates the index; for a primary key, its line in the script. */
  readonly statement: string;
  readonly unique: boolean;
  readonly pageLocks: boolean;
  readonly filter: string | null;
}

export interface Manifest {
  /** Columns by table and column. */
  readonly tables: ReadonlyMap<string, ReadonlyMap<string, ManifestColumn>>;
  /** The names of tables as statements write them, by table. */
  readonly places: ReadonlyMap<string, string>;
  /** Tables whose row locks must not escalate to a lock of the table. */
  readonly withoutEscalation: ReadonlySet<string>;
  /** Indexes and the primary key by table and index. */
  readonly indexes: ReadonlyMap<string, ReadonlyMap<string, ManifestIndex>>;
  /** The text of procedures, functions and views by name, in the form of `plainDefinition`. */
  readonly modules: ReadonlyMap<string, string>;
  readonly roles: ReadonlySet<string>;
  /** Procedures that a dispatching program must be allowed to execute. */
  readonly dispatched: ReadonlySet<string>;
  /** The script that creates a table, a module or a role, relative to the folder sql/. */
  readonly scripts: ReadonlyMap<string, string>;
}

const named = String.raw`\[\w+\]\.\[(\w+)\]`;
const table = new RegExp(String.raw`CREATE TABLE ${named} \(\n([\s\S]*?)\n *\);`, 'g');
const column = /^(\w+) (AS\b|[a-z]\w*)(?:\((\w+)[^)]*\))?/;
const index = new RegExp(
  String.raw`CREATE (UNIQUE )?(?:CLUSTERED |NONCLUSTERED )?INDEX \[(\w+)\] ON ${named}[^;]*;`,
  'g',
);
const dropped = new RegExp(String.raw`DROP INDEX (?:IF EXISTS )?\[(\w+)\] ON ${named}`, 'g');
const added = new RegExp(String.raw`ALTER TABLE ${named} ADD (\w+ [a-z].*)`, 'g');
const definedModule = new RegExp(`^(?:CREATE|ALTER) (?:PROCEDURE|FUNCTION|VIEW) ${named}`);
const quotedView = /EXEC\(N'(CREATE VIEW [\s\S]*?)'\);?\s*$/;
const role = /CREATE ROLE \[(\w+)\]/g;
const grant = new RegExp(String.raw`GRANT EXECUTE ON ${named} TO \[\w+_dispatcher\]`, 'g');
const escalationOff = new RegExp(String.raw`ALTER TABLE ${named} SET \(LOCK_ESCALATION = DISABLE\)`, 'g');
const pageLocksOff = /ALLOW_PAGE_LOCKS = OFF/;
const onBabelfish = /SERVERPROPERTY\('Babelfish'\) = 1/;

/** @param migrations the steps that were applied */
export function manifestOf(migrations: readonly Migration[], schema: string): Manifest {
  const tables = new Map<string, Map<string, ManifestColumn>>();
  const places = new Map<string, string>();
  const withoutEscalation = new Set<string>();
  const indexes = new Map<string, Map<string, ManifestIndex>>();
  const modules = new Map<string, string>();
  const roles = new Set<string>();
  const dispatched = new Set<string>();
  const scripts = new Map<string, string>();
  for (const { text, script } of migrations) {
    for (const batch of splitBatches(text.replaceAll('$(Schema)', schema))) {
      const statements = withoutLeadingComments(batch);
      const view = quotedView.exec(statements)?.[1]?.replaceAll("''", "'");
      const definition = view ?? statements;
      const name = definedModule.exec(definition)?.[1];
      if (name !== undefined) {
        modules.set(name.toLowerCase(), plainDefinition(definition));
        scripts.set(name.toLowerCase(), script);
        continue;
      }
      for (const [, tableName, body] of batch.matchAll(table)) {
        const key = tableName!.toLowerCase();
        const place = `[${schema}].[${tableName}]`;
        tables.set(key, columnsOf(body!));
        places.set(key, place);
        scripts.set(key, script);
        indexes.set(key, primaryKeyOf(body!, place));
      }
      for (const [, tableName, body] of batch.matchAll(added)) {
        for (const [columnName, its] of columnsOf(body!))
          tables.get(tableName!.toLowerCase())?.set(columnName, its);
      }
      for (const [, tableName] of batch.matchAll(escalationOff))
        withoutEscalation.add(tableName!.toLowerCase());
      for (const [created, unique, indexName, on] of batch.matchAll(index)) {
        const statement = oneLine(created);
        indexes.get(on!.toLowerCase())?.set(indexName!.toLowerCase(), {
          place: `[${indexName}] ON [${schema}].[${on}]`,
          statement,
          unique: unique !== undefined,
          pageLocks: !pageLocksOff.test(statement),
          filter: / WHERE (.+?)(?: WITH \(.*)?;$/.exec(statement)?.[1] ?? null,
        });
      }
      for (const [, indexName, on] of batch.matchAll(dropped))
        indexes.get(on!.toLowerCase())?.delete(indexName!.toLowerCase());
      for (const [, roleName] of batch.matchAll(role)) {
        roles.add(roleName!.toLowerCase());
        scripts.set(roleName!.toLowerCase(), script);
      }
      if (onBabelfish.test(batch)) continue;
      for (const [, procedure] of batch.matchAll(grant)) dispatched.add(procedure!);
    }
  }
  return { tables, places, withoutEscalation, indexes, modules, roles, dispatched, scripts };
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ');
}

/** The primary key stands on a line of its own, or on the line of its only column. */
function primaryKeyOf(body: string, place: string): Map<string, ManifestIndex> {
  const found = /^ *(\w+) .*?CONSTRAINT \[(PK_\w+)\] (.*?),?$|^ *CONSTRAINT \[(PK_\w+)\] (.*?),?$/m.exec(
    body,
  );
  if (found === null) return new Map();
  const name = found[2] ?? found[4]!;
  const definition = found[2] === undefined ? found[5]! : `${found[3]} (${found[1]})`;
  const key: ManifestIndex = {
    place: `[${name}] ON ${place}`,
    statement: `ALTER TABLE ${place} ADD CONSTRAINT [${name}] ${definition};`,
    unique: true,
    pageLocks: !pageLocksOff.test(definition),
    filter: null,
  };
  return new Map([[name.toLowerCase(), key]]);
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
      declaration: line.replace(/,$/, ''),
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

/** Normalises the filter of an index: servers add brackets and parentheses. */
export function plainFilter(filter: string | null): string {
  return (filter ?? '').replace(/[\s[\]()]/g, '').toLowerCase();
}

function withoutLeadingComments(text: string): string {
  return text.replace(/^(?:\s*--[^\n]*\n|\s*\/\*[\s\S]*?\*\/)*\s*/, '');
}
