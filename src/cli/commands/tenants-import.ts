import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { isDeepStrictEqual } from 'node:util';
import type { Command } from 'commander';
import type { TenantRecord } from '../../engine/registry.ts';
import { isMultiOutboxError, MultiOutboxError } from '../../errors.ts';
import { changeAsRead } from '../../fleet/tenants/change-as-read.ts';
import { definitionOf, isOnServer, tenantDefinition } from '../../fleet/tenants/definition.ts';
import type { MultiOutbox } from '../../multi-outbox.ts';
import { createRegistry } from '../create-registry.ts';
import { errorReport, FailedError, UsageError } from '../errors.ts';
import { helpNote } from '../help-note.ts';
import { type Progress, startProgress } from '../output/progress.ts';
import { counted, number } from '../output/text.ts';
import type { Runner } from '../runner.ts';
import type { Session } from '../session.ts';
import { tenantFields, tenantWith } from '../tenant-fields.ts';
import { readTenantRows, type TenantRow } from '../tenant-rows.ts';

interface ImportOptions {
  readonly update?: true;
  readonly dryRun?: true;
  readonly migrate?: boolean;
}

type Imported = 'added' | 'changed' | 'unchanged';

/** What became of a row, and whether the tenant's database is a file. */
interface Taken {
  readonly imported: Imported;
  readonly isInFile: boolean;
}

/** A row that could not be imported, or a tenant whose database could not be migrated (`line` is null then). */
interface Failure {
  readonly line: number | null;
  readonly tenantId: string | null;
  readonly code: string;
  readonly message: string;
}

export function tenantsImportCommand(tenants: Command, run: Runner): void {
  const columns = ['id', ...tenantFields.map(({ name }) => name), 'tag:NAME'].join(', ');
  tenants
    .command('import')
    .description('register the tenants of a CSV file; an invalid row does not stop the others')
    .argument('<file>', "the file; '-' for standard input")
    .option('--update', 'also change tenants that are already registered; an empty cell keeps the field')
    .option('--dry-run', 'check every row; change nothing')
    .option(
      '--migrate',
      "migrate the tenants' databases to this program's schema version (default for embedded databases)",
    )
    .option('--no-migrate', "do not migrate the tenants' databases")
    .addHelpText(
      'after',
      helpNote(
        `The first line names the columns, in any order: ${columns}.\nThe exit code is 1 if a row or a migration failed.`,
      ),
    )
    .action((file: string, options: ImportOptions, command: Command) =>
      run(command, async (session) => {
        const { dryRun = false, update = false } = options;
        const multiOutbox = await session.open();
        const isNew = dryRun
          ? (await multiOutbox.registrySchema()).version === 0
          : await createRegistry(multiOutbox);
        const take = taker(multiOutbox, {
          dryRun,
          update,
          embedded: session.embedded,
          isNew: dryRun && isNew,
        });
        const { counts, failures, tenants } = await imported(
          readTenantRows(() => opened(file)),
          take,
          await startProgress(dryRun ? 'Checking' : 'Importing', 'rows', session.options),
        );
        const { migrate } = options;
        const toMigrate = tenants.flatMap(({ id, isInFile }) => ((migrate ?? isInFile) ? [id] : []));
        if (!dryRun) failures.push(...(await migrationFailures(multiOutbox, toMigrate, session)));
        await session.show({ dryRun, ...counts, failures }, () =>
          [
            ...failures.map(failureText),
            `${number(counts.added)} added, ${number(counts.changed)} changed, ${number(counts.unchanged)} unchanged, ${number(failures.length)} failed${dryRun ? '; nothing was written' : ''}.`,
          ].join('\n'),
        );
        if (failures.length > 0)
          throw new FailedError(
            `${counted(failures.length, 'row or tenant', 'rows or tenants')} failed, the first: ${failureText(failures[0]!)}`,
          );
      }),
    );
}

/** Imports row after row. A row that fails does not stop the others. */
async function imported(
  rows: AsyncIterable<TenantRow>,
  take: (row: TenantRow) => Promise<Taken>,
  progress: Progress,
): Promise<{
  counts: Record<Imported, number>;
  failures: Failure[];
  tenants: { readonly id: string; readonly isInFile: boolean }[];
}> {
  const counts = { added: 0, changed: 0, unchanged: 0 };
  const failures: Failure[] = [];
  const taken = new Map<string, { readonly line: number; readonly isInFile: boolean }>();
  let read = 0;
  try {
    for await (const row of rows) {
      const { line, id } = row;
      try {
        const earlier = id === null ? undefined : taken.get(id);
        if (earlier !== undefined)
          throw new UsageError(`line ${earlier.line} already has this id; remove one of the two rows`);
        const { imported: how, isInFile } = await take(row);
        counts[how]++;
        taken.set(id!, { line, isInFile });
      } catch (error) {
        // The registry failed, not this row: stop the import.
        if (isMultiOutboxError(error) && error.transient) throw error;
        failures.push({ line, tenantId: id, ...reasonOf(error) });
      }
      progress.update(++read);
    }
  } finally {
    progress.stop();
  }
  // The parser reports invalid CSV lines late.
  failures.sort((a, b) => a.line! - b.line!);
  return { counts, failures, tenants: [...taken].map(([id, { isInFile }]) => ({ id, isInFile })) };
}

function opened(file: string): Readable {
  return file === '-' ? process.stdin : createReadStream(file);
}

/** Returns a function that registers or changes a row's tenant, or with `dryRun` says what it would do. */
function taker(
  { tenants }: MultiOutbox,
  options: {
    readonly dryRun: boolean;
    readonly update: boolean;
    readonly embedded: boolean;
    /** The registry does not exist yet. */
    readonly isNew: boolean;
  },
): (row: TenantRow) => Promise<Taken> {
  const { dryRun, update, embedded, isNew } = options;
  return async (row) => {
    if ('problem' in row) throw new UsageError(row.problem);
    const { id, values, tags } = row;
    const known = isNew || !(dryRun || update) ? null : await tenants.get(id).catch(unlessUnknown);
    if (known === null || known.status === 'retired') {
      const input = tenantWith({ id }, values, tags);
      const added = dryRun ? tenantDefinition(input, { embedded }) : await tenants.add(input);
      return { imported: 'added', isInFile: !isOnServer(added) };
    }
    if (!update) throw new MultiOutboxError('TENANT_EXISTS', alreadyThere);
    const changeOf = (tenant: TenantRecord) => {
      const before = definitionOf(tenant);
      const after = tenantDefinition(tenantWith(before, values, tags), { embedded });
      return isDeepStrictEqual(after, tenantDefinition(before, { embedded })) ? null : after;
    };
    const changed = dryRun ? changeOf(known) : await changeAsRead(tenants, known, changeOf);
    return { imported: changed === null ? 'unchanged' : 'changed', isInFile: !isOnServer(changed ?? known) };
  };
}

function unlessUnknown(error: unknown): null {
  if (isMultiOutboxError(error, 'UNKNOWN_TENANT')) return null;
  throw error;
}

async function migrationFailures(
  multiOutbox: MultiOutbox,
  tenants: string[],
  session: Session,
): Promise<Failure[]> {
  if (tenants.length === 0) return [];
  const progress = await startProgress('Migrating', 'databases', session.options);
  const migrations = await multiOutbox
    .migrate({ tenants, parallel: 4, onTenant: (_migration, done, of) => progress.update(done, of) })
    .finally(() => progress.stop());
  return migrations.flatMap(({ tenantId, error }) => (error ? [{ line: null, tenantId, ...error }] : []));
}

const alreadyThere = 'the tenant is already registered; give --update to change it';

function reasonOf(error: unknown): { code: string; message: string } {
  if (isMultiOutboxError(error, 'TENANT_EXISTS')) return { code: error.code, message: alreadyThere };
  const { code, message } = errorReport(error);
  return { code: code === 'USAGE' ? 'INVALID_ROW' : code, message };
}

function failureText({ line, tenantId, code, message }: Failure): string {
  const where = [line === null ? '' : `line ${line}`, tenantId ?? ''].filter(Boolean).join(', ');
  return `${where}: ${code === 'INVALID_ROW' ? message : `${code}: ${message}`}`;
}
