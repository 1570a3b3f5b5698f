import type { Catalog } from '../../../src/engine/sqlserver/inspection/catalog.ts';
import { compare } from '../../../src/engine/sqlserver/inspection/compare.ts';
import {
  type Manifest,
  manifestOf,
  plainDefinition,
} from '../../../src/engine/sqlserver/inspection/manifest.ts';
import { type DatabaseKind, migrationsOf } from '../../../src/engine/sqlserver/migrations/steps.ts';

const manifest = (kind: DatabaseKind) => manifestOf(migrationsOf(kind), 'messaging');
const count = (kind: DatabaseKind, pattern: RegExp) =>
  new Set(
    migrationsOf(kind).flatMap(({ text }) =>
      [...text.matchAll(pattern)].map(([, name]) => name!.toLowerCase()),
    ),
  );

/** A catalog as a server shows it that has all of the manifest. */
function catalogOf({ tables, indexes, modules, roles }: Manifest): Catalog {
  return {
    readCommittedSnapshot: true,
    babelfish: false,
    complete: true,
    columns: [...tables].flatMap(([table, columns]) =>
      [...columns].map(([name, { length, ...column }]) => ({ table, name, length: length ?? 8, ...column })),
    ),
    indexes: [...indexes].flatMap(([table, names]) => [...names].map((name) => ({ table, name }))),
    modules: new Map(modules),
    roles,
    refused: [],
  };
}

describe.each(['registry', 'tenant'] as const)(
  'the manifest of a %s (text of the scripts, no server)',
  (kind) => {
    test('holds every table, index, procedure and role that the scripts make', () => {
      const { tables, indexes, modules, roles } = manifest(kind);
      expect([...tables.keys()].sort()).toEqual([...count(kind, /CREATE TABLE \[.*?\]\.\[(\w+)\]/g)].sort());
      for (const [, columns] of tables) expect(columns.size).toBeGreaterThan(3);
      const named = new Set([...indexes.values()].flatMap((names) => [...names]));
      expect([...named].sort()).toEqual(
        [...count(kind, /(?:INDEX|CONSTRAINT) \[((?:PK|UX|IX)_\w+)\]/g)].sort(),
      );
      expect([...modules.keys()].sort()).toEqual(
        [...count(kind, /CREATE (?:PROCEDURE|FUNCTION|VIEW) \[.*?\]\.\[(\w+)\]/g)].sort(),
      );
      expect([...modules.values()].filter((text) => /AS RETURN 0$/.test(text))).toEqual([]);
      expect([...roles].sort()).toEqual(
        [...count(kind, /CREATE ROLE \[\$\(Schema\)(_\w+)\]/g)].map((name) => `messaging${name}`).sort(),
      );
    });

    test('no drift is found in an unchanged database', () => {
      expect(compare(manifest(kind), catalogOf(manifest(kind)))).toEqual([]);
    });
  },
);

describe('drift (in a catalog made up here, no server)', () => {
  const whole = manifest('tenant');
  const messages = (changes: Partial<Catalog>) =>
    compare(whole, { ...catalogOf(whole), ...changes }).map(
      ({ severity, message }) => `${severity}: ${message}`,
    );
  const { columns, indexes, modules } = catalogOf(whole);

  test('columns that are missing, added or with another type; a table that is missing', () => {
    expect(messages({ columns: columns.filter(({ table }) => table !== 'leases') })).toEqual([
      "problem: the table 'leases' is missing",
    ]);
    const changed = columns.flatMap((column) => {
      if (column.table !== 'outbox') return [column];
      if (column.name === 'topic') return [{ ...column, length: 100 }];
      if (column.name === 'payload') return [{ ...column, nullable: true }];
      return column.name === 'parks' ? [{ ...column, name: 'mine' }] : [column];
    });
    expect(messages({ columns: changed })).toEqual([
      "problem: the column 'outbox.topic' has another type",
      "problem: the column 'outbox.parks' is missing",
      "problem: the column 'outbox.payload' has another type",
      "problem: the column 'outbox.mine' was added",
    ]);
  });

  test('a missing index, also where the server renames indexes', () => {
    const without = indexes.filter(({ name }) => name !== 'ix_outbox_due');
    expect(messages({ indexes: without })).toEqual([
      "problem: the index 'ix_outbox_due' of 'outbox' is missing",
    ]);
    const hashed = ({ table, name }: { table: string; name: string }) => ({
      table,
      name: name.startsWith('pk_') ? name : `${name}${table}0123456789abcdef0123456789abcdef`,
    });
    expect(messages({ babelfish: true, indexes: indexes.map(hashed) })).toEqual([]);
    expect(messages({ babelfish: true, indexes: without.map(hashed) })).toHaveLength(1);
  });

  test('procedures changed by hand or missing; how they are spaced and what stands ahead of them does not count', () => {
    const text = modules.get('lease_list')!;
    const given = (definition: string | null) =>
      messages({ modules: new Map([...modules, ['lease_list', definition]]) });
    expect(given(`-- The leases.\n${text.replace('CREATE', 'ALTER').replaceAll(' ', '\r\n ')}\n`)).toEqual(
      [],
    );
    expect(given(`${text} WHERE 1 = 0`)).toEqual(["problem: 'lease_list' was changed by hand"]);
    expect(given(null)).toEqual([]);
    const less = new Map(modules);
    less.delete('lease_list');
    expect(messages({ modules: less })).toEqual(["problem: 'lease_list' is missing"]);
  });

  test('roles, rights and settings; a login that may not see them gets an error, and no false drift', () => {
    expect(messages({ roles: new Set() })).toHaveLength(3);
    expect(messages({ refused: ['Outbox_Begin'] })).toEqual([
      'problem: this login may not execute Outbox_Begin; make it a member of the dispatcher role',
    ]);
    expect(messages({ readCommittedSnapshot: false })[0]).toMatch(/^advice: READ_COMMITTED_SNAPSHOT is off/);
    expect(messages({ complete: false, columns: [], indexes: [] })).toEqual([
      expect.stringMatching(/^advice: drift was not looked for/),
    ]);
  });
});

test('a dispatcher must be allowed what the program calls, and nothing internal (text of the scripts, no server)', () => {
  const { dispatched } = manifest('tenant');
  expect([...dispatched]).toEqual(
    expect.arrayContaining(['Outbox_Begin', 'Inbox_SettleAndClaim', 'Lease_Renew']),
  );
  expect(
    [...dispatched].filter((name) =>
      /_(LeaseSettleClaim|BlockFollowers|ResolveDead|Ensure|Take)$/.test(name),
    ),
  ).toEqual([]);
});

test('definitions are compared by their statements', () => {
  expect(plainDefinition('-- a\n/* b */\nALTER  PROCEDURE x AS\n\tSELECT 1;\n')).toBe(
    'CREATE PROCEDURE x AS SELECT 1',
  );
});
