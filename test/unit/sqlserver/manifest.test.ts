import type { Catalog, CatalogIndex } from '../../../src/engine/sqlserver/inspection/catalog.ts';
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

/** SQL Server stores a filter with brackets around columns and parentheses around numbers and the whole. */
function asStored(filter: string): string {
  const bracketed = filter.replace(/\b([A-Z][A-Za-z]+)(?= (?:=|<>|IS))/g, '[$1]');
  return `(${bracketed.replace(/ (=|<>) (\d+)/g, '$1($2)').replace(/ (=|<>) /g, '$1')})`;
}

/** The catalog of a server that has everything in the manifest. */
function catalogOf({ tables, indexes, modules, roles, withoutEscalation }: Manifest): Catalog {
  return {
    schema: 'messaging',
    facts: { babelfish: false, edition: 3, majorVersion: 16, compatibilityLevel: 160 },
    schemaOwner: 'dbo',
    objectsOfOthers: [],
    createdWithoutAnsi: new Set(),
    lockEscalation: new Map(
      [...tables.keys()].map((name) => [name, withoutEscalation.has(name) ? 'DISABLE' : 'TABLE']),
    ),
    readCommittedSnapshot: true,
    babelfish: false,
    complete: true,
    columns: [...tables].flatMap(([table, columns]) =>
      [...columns].map(([name, { length, ...column }]) => ({ table, name, length: length ?? 8, ...column })),
    ),
    indexes: [...indexes].flatMap(([table, its]) =>
      [...its].map(([name, { unique, pageLocks, filter }]) => ({
        table,
        name,
        unique,
        pageLocks,
        disabled: false,
        filter: filter === null ? null : asStored(filter),
      })),
    ),
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
      const named = new Set([...indexes.values()].flatMap((its) => [...its.keys()]));
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

  const again = (script: string) => `run sql/tenant/${script}.sql again, with sqlcmd as sql/README.md shows`;
  const changedIndex = (name: string, change: Partial<CatalogIndex>) =>
    messages({ indexes: indexes.map((index) => (index.name === name ? { ...index, ...change } : index)) });

  test('columns that are missing, added or with another type; a table that is missing', () => {
    expect(messages({ columns: columns.filter(({ table }) => table !== 'leases') })).toEqual([
      `problem: the table 'leases' is missing; restore it from a backup, or create it empty: ${again('0001-leases')}`,
    ]);
    const changed = columns.flatMap((column) => {
      if (column.table !== 'outbox') return [column];
      if (column.name === 'topic') return [{ ...column, length: 100 }];
      if (column.name === 'payload') return [{ ...column, nullable: true }];
      return column.name === 'parks' ? [{ ...column, name: 'mine' }] : [column];
    });
    expect(messages({ columns: changed })).toEqual([
      "problem: the column 'outbox.topic' has another type; change it back with ALTER TABLE [messaging].[Outbox]: it must be Topic nvarchar(200) COLLATE Latin1_General_100_BIN2 NOT NULL",
      "problem: the column 'outbox.parks' is missing; add it again: ALTER TABLE [messaging].[Outbox] ADD Parks int NOT NULL CONSTRAINT [DF_Outbox_Parks] DEFAULT (0)",
      "problem: the column 'outbox.payload' has another type; change it back with ALTER TABLE [messaging].[Outbox]: it must be Payload nvarchar(max) NOT NULL",
      "problem: the column 'outbox.mine' was added; move its data to a table of your own, then drop the column",
    ]);
  });

  test('a missing index, also where the server renames indexes', () => {
    const without = indexes.filter(({ name }) => name !== 'ix_outbox_dead');
    expect(messages({ indexes: without })).toEqual([
      "problem: the index 'ix_outbox_dead' of 'outbox' is missing; create it again: CREATE INDEX [IX_Outbox_Dead] ON [messaging].[Outbox] (SettledUtc, Sequence) WHERE Status = 3 WITH (ALLOW_PAGE_LOCKS = OFF);",
    ]);
    const hashed = (index: CatalogIndex) => ({
      ...index,
      name: index.name.startsWith('pk_')
        ? index.name
        : `${index.name}${index.table}0123456789abcdef0123456789abcdef`,
    });
    expect(messages({ babelfish: true, indexes: indexes.map(hashed) })).toEqual([]);
    expect(messages({ babelfish: true, indexes: without.map(hashed) })).toHaveLength(1);
  });

  test('a missing primary key, on a line of its own or of its column', () => {
    const keys = messages({
      indexes: indexes.filter(({ name }) => !/^pk_(outbox|schemajournal)$/.test(name)),
    });
    expect(keys).toEqual([
      expect.stringMatching(
        /: ALTER TABLE \[messaging\]\.\[SchemaJournal\] ADD CONSTRAINT \[PK_SchemaJournal\] PRIMARY KEY CLUSTERED \(Version\);$/,
      ),
      expect.stringMatching(
        /: ALTER TABLE \[messaging\]\.\[Outbox\] ADD CONSTRAINT \[PK_Outbox\] PRIMARY KEY CLUSTERED \(Sequence\) WITH \(.*\);$/,
      ),
    ]);
  });

  test('an index that is disabled, has another filter, is no longer unique, or allows page locks', () => {
    expect(changedIndex('ix_outbox_due', { disabled: true })).toEqual([
      "problem: the index 'ix_outbox_due' of 'outbox' is disabled, so the server does not use it; run ALTER INDEX [IX_Outbox_Due] ON [messaging].[Outbox] REBUILD",
    ]);
    const replaced =
      /^problem: the index 'ux_outbox_deduphash' of 'outbox' has another filter or uniqueness; drop it, and create it again: CREATE UNIQUE INDEX \[UX_Outbox_DedupHash\] ON .* WHERE DedupKey IS NOT NULL WITH .*;$/;
    for (const change of [{ filter: null }, { filter: '([DedupKey] IS NULL)' }, { unique: false }]) {
      expect(changedIndex('ux_outbox_deduphash', change)).toEqual([expect.stringMatching(replaced)]);
    }
    expect(changedIndex('ux_leases_namehash', { pageLocks: true })).toEqual([
      "problem: the index 'ux_leases_namehash' of 'leases' allows page locks, which a claim cannot skip; run ALTER INDEX [UX_Leases_NameHash] ON [messaging].[Leases] SET (ALLOW_PAGE_LOCKS = OFF)",
    ]);
    // A database that allows fewer locks than the script does has no problem.
    expect(changedIndex('pk_schemajournal', { pageLocks: false })).toEqual([]);
  });

  test('a queue whose locks escalate to its table; other tables may', () => {
    const lockEscalation = new Map(
      [...catalogOf(whole).lockEscalation.keys()].map((name) => [name, 'TABLE']),
    );
    expect(messages({ lockEscalation })).toEqual(
      ['Outbox', 'Inbox'].map(
        (name) =>
          `problem: the table '${name.toLowerCase()}' has LOCK_ESCALATION = TABLE, so one large transaction can stop all runs; run ALTER TABLE [messaging].[${name}] SET (LOCK_ESCALATION = DISABLE)`,
      ),
    );
  });

  test('procedures changed by hand, missing or created with other options; spacing and leading comments do not count', () => {
    const text = modules.get('lease_list')!;
    const given = (definition: string | null) =>
      messages({ modules: new Map([...modules, ['lease_list', definition]]) });
    expect(given(`-- The leases.\n${text.replace('CREATE', 'ALTER').replaceAll(' ', '\r\n ')}\n`)).toEqual(
      [],
    );
    expect(given(`${text} WHERE 1 = 0`)).toEqual([
      `problem: 'lease_list' was changed by hand; ${again('0001-leases')}`,
    ]);
    expect(given(null)).toEqual([]);
    const less = new Map(modules);
    less.delete('outbox_enqueue');
    expect(messages({ modules: less })).toEqual([
      `problem: 'outbox_enqueue' is missing; ${again('0002-work-queues')}`,
    ]);
    expect(messages({ createdWithoutAnsi: new Set(['inbox_enqueue', 'of_an_application']) })).toEqual([
      `problem: 'inbox_enqueue' was created with QUOTED_IDENTIFIER or ANSI_NULLS off, so that its writes fail (error 1934); ${again('0002-work-queues')}`,
    ]);
  });

  test('roles, rights and settings; a login that may not see them gets an error, and no false drift', () => {
    expect(messages({ roles: new Set() })).toEqual(
      ['producer', 'dispatcher', 'operator'].map(
        (role) => `problem: the role 'messaging_${role}' is missing; ${again('0003-roles')}`,
      ),
    );
    expect(messages({ refused: ['Outbox_Begin'] })).toEqual([
      'problem: this login may not execute Outbox_Begin; make it a member of the dispatcher role',
    ]);
    expect(messages({ readCommittedSnapshot: false })).toEqual([
      expect.stringMatching(/^advice: READ_COMMITTED_SNAPSHOT is off.*SET READ_COMMITTED_SNAPSHOT ON$/),
    ]);
    expect(messages({ complete: false, columns: [], indexes: [] })).toEqual([
      expect.stringMatching(/^advice: drift could not be looked for/),
    ]);
  });

  test('owners: another owner of an object breaks the chain, another owner of the schema may read messages', () => {
    const grants = 'then run sql/tenant/0003-roles.sql again, because a change of owner removes the grants';
    expect(messages({ objectsOfOthers: ['Outbox', 'Leases'] })).toEqual([
      `problem: Outbox, Leases in the schema 'messaging' belong to other users than the schema, so that the roles' members are refused (error 229); run ALTER AUTHORIZATION ON OBJECT::[messaging].[…] TO SCHEMA OWNER for each, ${grants}`,
    ]);
    expect(messages({ schemaOwner: 'eve' })).toEqual([
      `advice: the schema 'messaging' belongs to 'eve', who can therefore read and change all messages; to give it to dbo, run ALTER AUTHORIZATION ON SCHEMA::[messaging] TO dbo, ${grants}`,
    ]);
    expect(messages({ schemaOwner: null })).toEqual([]);
  });

  test('a server or a compatibility level that is too old is a problem, but not on servers that only show such numbers', () => {
    const { facts } = catalogOf(whole);
    const found = (change: Partial<Catalog['facts']>) => messages({ facts: { ...facts, ...change } });
    expect(found({ compatibilityLevel: 120 })).toEqual([
      "problem: the database's compatibility level is 120, but the procedures need 130 or higher (OPENJSON); run ALTER DATABASE CURRENT SET COMPATIBILITY_LEVEL = 150",
    ]);
    expect(found({ compatibilityLevel: 130 })).toEqual([]);
    expect(found({ majorVersion: 14 })).toEqual([
      'problem: the server is SQL Server version 14, but multi-outbox needs version 15 (SQL Server 2019) or later; upgrade the server',
    ]);
    expect(found({ majorVersion: 15 })).toEqual([]);
    for (const edition of [5, 8]) expect(found({ edition, majorVersion: 12 })).toEqual([]);
    expect(found({ babelfish: true, majorVersion: 12, compatibilityLevel: 120 })).toEqual([]);
  });
});

test('a dispatcher must be allowed what the program calls, and nothing internal (text of the scripts, no server)', () => {
  const { dispatched } = manifest('tenant');
  expect([...dispatched]).toEqual(
    expect.arrayContaining(['Outbox_Begin', 'Inbox_SettleAndClaim', 'Lease_Renew']),
  );
  expect(
    [...dispatched].filter((name) => /_(LeaseSettleClaim|BlockFollowers|Act|Ensure|Take)$/.test(name)),
  ).toEqual([]);
});

test('definitions are compared by their statements', () => {
  expect(plainDefinition('-- a\n/* b */\nALTER  PROCEDURE x AS\n\tSELECT 1;\n')).toBe(
    'CREATE PROCEDURE x AS SELECT 1',
  );
});
