/** The procedures of sql/, as they are after all includes: what t-sql-rules.ts judges. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expandScript, splitBatches } from '../../../src/engine/sqlserver/migrations/script.ts';
import { migrationsOf, sqlFolder } from '../../../src/engine/sqlserver/migrations/steps.ts';

export interface Parameter {
  readonly name: string;
  readonly type: string;
}

export interface Procedure {
  readonly name: string;
  readonly parameters: readonly Parameter[];
  /** The text from AS on, without comments. */
  readonly body: string;
}

/** One part of sql/parts read with a change in it. */
export interface Change {
  readonly part: string;
  readonly from: string;
  readonly to: string;
}

/** All batches of both kinds of database, without comments. @throws when the text to change is not there */
export function batches(change?: Change): string[] {
  const folder = sqlFolder();
  const read = (file: string): string => {
    const text = readFileSync(path.join(folder, file), 'utf8');
    if (file !== `parts/${change?.part}.sql`) return text;
    if (!text.includes(change!.from)) throw new Error(`${file} has no '${change!.from}'`);
    return text.replace(change!.from, () => change!.to);
  };
  const steps = (['registry', 'tenant'] as const).flatMap((kind) =>
    migrationsOf(kind).map(({ version, name }) => ({ kind, file: fileOf(version, name) })),
  );
  return steps
    .flatMap(({ kind, file }) => splitBatches(expandScript(`${kind}/${file}`, read)))
    .map((batch) => batch.replace(/^\s*--.*$|\s--\s.*$/gm, ''));
}

function fileOf(version: number, name: string): string {
  return `${String(version).padStart(4, '0')}-${name.replaceAll(' ', '-')}.sql`;
}

/** By name; those that both kinds of database have stand there once. */
export function proceduresOf(all: readonly string[]): Map<string, Procedure> {
  const found = new Map<string, Procedure>();
  for (const batch of all) {
    const match = /ALTER PROCEDURE \[\$\(Schema\)\]\.\[(\w+)\]([\s\S]*?)\nAS\n([\s\S]*)$/.exec(batch);
    if (match === null) continue;
    const [, name, head, body] = match;
    const parameters = [...head!.matchAll(/(@\w+) (\w+(?:\(\w+\))?)/g)].map(([, each, type]) => ({
      name: each!,
      type: type!,
    }));
    found.set(name!, { name: name!, parameters, body: body! });
  }
  return found;
}

/** Names of the procedures that a role may execute; on Babelfish roles need more, which is left out. */
export function grantedOf(all: readonly string[]): Set<string> {
  const grants = all.filter((batch) => !/SERVERPROPERTY\('Babelfish'\) = 1/.test(batch));
  return new Set(
    grants.flatMap((batch) =>
      [...batch.matchAll(/GRANT EXECUTE ON \[\$\(Schema\)\]\.\[(\w+)\]/g)].map(([, name]) => name!),
    ),
  );
}

/** Names of the procedures that one role of tenants' databases may execute. */
export function grantedTo(role: 'producer' | 'dispatcher' | 'operator', all: readonly string[]): Set<string> {
  return grantedOf(
    all.map((batch) =>
      batch.replace(/^ *GRANT .* TO \[\$\(Schema\)_(\w+)\];$/gm, (grant, to) => (to === role ? grant : '')),
    ),
  );
}

export interface Reference {
  readonly at: number;
  /** 'insert' for the target of an INSERT, 'change' for that of an UPDATE or DELETE, else 'read'. */
  readonly use: 'insert' | 'change' | 'read';
  readonly hints: readonly string[];
}

/** The places where a procedure names a table. */
export function references({ body }: Procedure, table: RegExp): Reference[] {
  const named = new RegExp(
    String.raw`(INSERT|UPDATE|DELETE FROM|FROM|JOIN) \[\$\(Schema\)\]\.\[(?:${table.source})\]( (?!WITH|WHERE|SET|ON|VALUES)(\w+))?(?: WITH \(([^)]*)\))?`,
    'g',
  );
  return [...body.matchAll(named)].map((match) => {
    const [, verb, , alias, hints = ''] = match;
    const target = /(?:UPDATE|DELETE) (\w+)\s+(?:(?:SET|FROM)[^;]*)?$/.exec(body.slice(0, match.index));
    const isTarget = alias !== undefined && target?.[1] === alias;
    const use =
      verb === 'INSERT'
        ? 'insert'
        : verb === 'UPDATE' || verb!.startsWith('DELETE') || isTarget
          ? 'change'
          : 'read';
    return { at: match.index, use, hints: hints.split(', ').filter((hint) => hint !== '') };
  });
}
