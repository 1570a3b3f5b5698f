import type { Command } from 'commander';
import type { MigrationResult } from '../../engine/schema.ts';
import { MultiOutboxError } from '../../errors.ts';
import { isOnServer } from '../../fleet/tenants/definition.ts';
import type { MultiOutbox } from '../../multi-outbox.ts';
import { createRegistry } from '../create-registry.ts';
import type { Runner } from '../runner.ts';
import { addFieldOptions, fieldValues, tenantWith } from '../tenant-fields.ts';

interface AddOptions extends Readonly<Record<string, unknown>> {
  readonly tag?: Record<string, string>;
  readonly migrate?: boolean;
}

export function tenantsAddCommand(tenants: Command, run: Runner): void {
  const add = tenants
    .command('add')
    .description('register a tenant; create the registry and an embedded database if they are missing')
    .argument('<tenant>', "id: 1 to 64 of a-z, 0-9, '.', '_' and '-'");
  addFieldOptions(add)
    .option(
      '--migrate',
      "migrate the tenant's database to this program's schema version (default for embedded databases)",
    )
    .option('--no-migrate', "do not migrate the tenant's database")
    .action((id: string, options: AddOptions, command: Command) =>
      run(command, async (session) => {
        const multiOutbox = await session.open();
        const registryCreated = await createRegistry(multiOutbox);
        const tenant = await multiOutbox.tenants.add(tenantWith({ id }, fieldValues(options), options.tag));
        const migrates = options.migrate ?? !isOnServer(tenant);
        const migration = migrates ? await migrateTenant(multiOutbox, id) : null;
        await session.show({ tenant, registryCreated, migration }, () =>
          [
            ...(registryCreated ? ['Created the registry.'] : []),
            `Added tenant ${id} on database ${tenant.database}${tenant.server === '' ? '' : ` at ${tenant.server}`}.`,
            migration === null
              ? `Its database was not migrated; run 'multi-outbox migrate --tenant ${id}' before you send the first message.`
              : migrated(migration, isOnServer(tenant)),
          ].join('\n'),
        );
      }),
    );
}

async function migrateTenant(multiOutbox: MultiOutbox, tenantId: string): Promise<MigrationResult> {
  const migrations = await multiOutbox.migrate({ tenants: [tenantId] });
  const migration = migrations.find((candidate) => candidate.tenantId === tenantId);
  if (migration?.result) return migration.result;
  const { code, message } = migration?.error ?? migrations[0]!.error!;
  throw new MultiOutboxError(
    code as never,
    `Tenant '${tenantId}' was added, but its database could not be migrated: ${message.replace(/\.$/, '')}. Correct this, then run 'multi-outbox migrate --tenant ${tenantId}'.`,
    { tenantId },
  );
}

/** The administrator of a server makes its databases, and the program only the schema in them. */
function migrated({ from, to, steps }: MigrationResult, onServer: boolean): string {
  if (steps.length === 0) return `Its database is already up to date (schema version ${to}).`;
  if (from !== 0) return `Migrated its database from schema version ${from} to ${to}.`;
  return onServer ? `Created its schema (version ${to}).` : `Created its database (schema version ${to}).`;
}
