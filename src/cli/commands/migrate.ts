import type { Command } from 'commander';
import type { TenantMigration } from '../../fleet/operations/migrate.ts';
import { listArgument, wholeNumber } from '../arguments.ts';
import { exitCodes, UsageError } from '../errors.ts';
import { throwFailures } from '../failures.ts';
import { startProgress } from '../output/progress.ts';
import { table } from '../output/table.ts';
import { counted, number } from '../output/text.ts';
import type { Runner } from '../runner.ts';

interface MigrateOptions {
  all?: true;
  tenant?: string[];
  registryOnly?: true;
  dryRun?: true;
  resume?: true;
  parallel: number;
}

export function migrateCommand(program: Command, run: Runner): void {
  program
    .command('migrate')
    .description(
      "bring the registry and tenant databases to this program's schema version; create missing files",
    )
    .option('--all', 'migrate the registry and every tenant that is not retired (the default)')
    .option('--tenant <id>', 'migrate the registry and this tenant; repeatable', listArgument)
    .option('--registry-only', 'migrate only the registry')
    .option('--parallel <number>', 'migrate this many tenant databases at once', wholeNumber(1, 100), 4)
    .option('--resume', "skip tenants that the registry already records at this program's schema version")
    .option('--dry-run', 'show the steps that would run; change nothing')
    .action((options: MigrateOptions, command: Command) =>
      run(command, async (session) => {
        const tenants = chosenTenants(options);
        const dryRun = options.dryRun === true;
        const multiOutbox = await session.open();
        const progress = await startProgress('Migrating', 'databases', session.options);
        const databases = await multiOutbox
          .migrate({
            ...(tenants !== undefined && { tenants }),
            dryRun,
            resume: options.resume === true,
            parallel: options.parallel,
            onTenant: (_migration, done, of) => progress.update(done, of),
          })
          .finally(() => progress.stop());
        const failures = databases.flatMap(({ tenantId, error }) => (error ? [{ tenantId, ...error }] : []));
        const failed = failures.length;
        await session.show({ dryRun, databases }, async () => {
          const drawn = await table(
            databases,
            [
              { title: 'Database', cell: ({ tenantId }) => tenantId ?? 'registry', breaks: true },
              { title: 'Version', cell: ({ version }) => version ?? 'unknown', align: 'right' },
              { title: 'From', cell: ({ result }) => result?.from, align: 'right' },
              { title: 'To', cell: ({ result }) => result?.to, align: 'right' },
              {
                title: 'Steps',
                text: true,
                cell: (migration) => stepsText(migration),
                paint: (text, { error }) => (error === undefined ? text : session.colors.red(text)),
              },
            ],
            session.terminal,
          );
          const summary = `${counted(databases.length - failed, 'database')} ${dryRun ? 'checked, nothing changed' : 'ready'}${failed === 0 ? '' : `, ${number(failed)} failed`}.`;
          const isUpToDate = databases.some(({ result }) => result?.steps.length === 0);
          return `${drawn}\n\n${summary}${isUpToDate ? `\n${onlySteps}` : ''}`;
        });
        throwFailures(failures);
        return exitCodes.done;
      }),
    );
}

const onlySteps =
  "'up to date' means that no step is missing. 'multi-outbox doctor' finds what was\nchanged by hand, and says how to undo it.";

/** Undefined means all tenants. */
function chosenTenants({ all, tenant, registryOnly }: MigrateOptions): string[] | undefined {
  const given = [all, tenant, registryOnly].filter((option) => option !== undefined).length;
  if (given > 1) throw new UsageError('Give only one of --all, --tenant and --registry-only.');
  return registryOnly ? [] : tenant;
}

function stepsText({ result, error }: TenantMigration): string {
  if (error !== undefined) return `${error.code}: ${error.message}`;
  if (result === undefined) return 'skipped: the registry records it as up to date';
  if (result.steps.length === 0) return 'up to date';
  return result.steps.map(({ version, name }) => `${version} ${name}`).join(', ');
}
