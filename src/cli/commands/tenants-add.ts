import type { Command } from 'commander';
import type { MigrationResult } from '../../engine/schema.ts';
import { MultiOutboxError } from '../../errors.ts';
import type { TenantInput } from '../../fleet/tenant.ts';
import type { MultiOutbox } from '../../multi-outbox.ts';
import { durationOrNever, numberArgument, pairArgument, wholeNumber } from '../arguments.ts';
import type { Runner } from '../program.ts';

interface AddOptions {
  database?: string;
  server?: string;
  authSetting?: string;
  schema?: string;
  priority?: number;
  weight?: number;
  sla?: number;
  tag?: Record<string, string>;
  batchSize?: number;
  concurrency?: number;
  idleCeiling?: number | 'never';
  migrate?: boolean;
}

export function tenantsAddCommand(tenants: Command, run: Runner): void {
  tenants
    .command('add')
    .description('register a tenant; creates the registry and an embedded database where they are missing')
    .argument('<tenant>', "id: 1 to 64 of a-z, 0-9, '.', '_' and '-'")
    .option(
      '--database <name>',
      "name of the database (default the id); embedded: a file relative to the registry's folder (default tenants/<id>.db)",
    )
    .option('--server <name>', 'server that the database is on; not for embedded databases')
    .option('--auth-setting <name>', 'name of the app setting that holds a connection string')
    .option('--schema <name>', 'database schema that holds the objects (default messaging)')
    .option('--priority <number>', 'higher is served first, -1000 to 1000', wholeNumber(-1_000, 1_000))
    .option('--weight <number>', 'share relative to other tenants (default 1)', numberArgument)
    .option(
      '--sla <seconds>',
      'seconds within which a due message should be dispatched',
      wholeNumber(1, 31_536_000),
    )
    .option('--tag <key=value>', 'a tag that handlers see; repeatable', pairArgument)
    .option('--batch-size <number>', 'messages claimed at once', wholeNumber(1, 5_000))
    .option('--concurrency <number>', 'handlers running at once', wholeNumber(1, 1_000))
    .option('--idle-ceiling <duration>', "longest interval while idle, or 'never'", durationOrNever)
    .option(
      '--migrate',
      "bring the tenant's database to this program's schema (default for embedded databases)",
    )
    .option('--no-migrate', "leave the tenant's database alone")
    .action((id: string, options: AddOptions, command: Command) =>
      run(command, async (session) => {
        const multiOutbox = await session.open();
        const registryCreated = await createRegistry(multiOutbox);
        const tenant = await multiOutbox.tenants.add(tenantInput(id, options));
        const migration = (options.migrate ?? session.embedded) ? await migrateTenant(multiOutbox, id) : null;
        await session.show({ tenant, registryCreated, migration }, () =>
          [
            ...(registryCreated ? ['Created the registry.'] : []),
            `Added tenant ${id} on database ${tenant.database}${tenant.server === '' ? '' : ` at ${tenant.server}`}.`,
            migration === null
              ? `Its database was left alone: run 'multi-outbox migrate --tenant ${id}' before the first message.`
              : migrated(migration),
          ].join('\n'),
        );
      }),
    );
}

/** True when there was no registry. An outdated one is left to `migrate`, where the operator means it. */
async function createRegistry(multiOutbox: MultiOutbox): Promise<boolean> {
  const registry = await multiOutbox.registry();
  if ((await registry.schema.version()) !== 0) return false;
  const [migration] = await multiOutbox.migrate({ tenants: [] });
  if (migration?.error) throw new MultiOutboxError(migration.error.code as never, migration.error.message);
  return true;
}

async function migrateTenant(multiOutbox: MultiOutbox, tenantId: string): Promise<MigrationResult> {
  const migrations = await multiOutbox.migrate({ tenants: [tenantId] });
  const migration = migrations.find((candidate) => candidate.tenantId === tenantId);
  if (migration?.result) return migration.result;
  const { code, message } = migration?.error ?? migrations[0]!.error!;
  throw new MultiOutboxError(
    code as never,
    `Tenant '${tenantId}' was added, but its database is not ready: ${message.replace(/\.$/, '')}; then run 'multi-outbox migrate --tenant ${tenantId}'.`,
    { tenantId },
  );
}

function migrated({ from, to, steps }: MigrationResult): string {
  if (steps.length === 0) return `Its database was ready already (schema version ${to}).`;
  return from === 0
    ? `Created its database (schema version ${to}).`
    : `Brought its database from schema version ${from} to ${to}.`;
}

function tenantInput(id: string, options: AddOptions): TenantInput {
  const { database, server, authSetting, schema, priority, weight, sla, tag } = options;
  const { batchSize, concurrency, idleCeiling } = options;
  return {
    id,
    ...(database !== undefined && { database }),
    ...(server !== undefined && { server }),
    ...(authSetting !== undefined && { auth: { kind: 'setting', name: authSetting } }),
    ...(schema !== undefined && { schema }),
    ...(priority !== undefined && { priority }),
    ...(weight !== undefined && { weight }),
    ...(sla !== undefined && { slaSeconds: sla }),
    ...(tag !== undefined && { tags: tag }),
    overrides: {
      ...(batchSize !== undefined && { batchSize }),
      ...(concurrency !== undefined && { concurrency }),
      ...(idleCeiling !== undefined && { idleCeilingMs: idleCeiling }),
    },
  };
}
