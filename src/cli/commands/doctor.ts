import type { Command } from 'commander';
import type { Diagnosis, Finding } from '../../fleet/operations/doctor.ts';
import { listArgument, wholeNumber } from '../arguments.ts';
import { FailedError, UsageError } from '../errors.ts';
import { startProgress } from '../output/progress.ts';
import { table } from '../output/table.ts';
import { counted } from '../output/text.ts';
import type { Runner } from '../runner.ts';

interface DoctorOptions {
  all?: true;
  tenant?: string[];
  registryOnly?: true;
  parallel: number;
}

export function doctorCommand(program: Command, run: Runner): void {
  program
    .command('doctor')
    .description(
      'look at databases: reachable, schema version and drift, rights, settings, clock; changes nothing',
    )
    .option('--all', 'the registry and every tenant that is not retired (the default)')
    .option('--tenant <id>', 'the registry and this tenant; repeatable', listArgument)
    .option('--registry-only', 'the registry alone')
    .option('--parallel <number>', 'tenant databases looked at at once', wholeNumber(1, 100), 4)
    .action((options: DoctorOptions, command: Command) =>
      run(command, async (session) => {
        const { all, tenant, registryOnly, parallel } = options;
        if ([all, tenant, registryOnly].filter((option) => option !== undefined).length > 1) {
          throw new UsageError('Give one of --all, --tenant and --registry-only.');
        }
        const tenants = registryOnly ? [] : tenant;
        const multiOutbox = await session.open();
        const progress = await startProgress('Looking', 'databases', session.options);
        const databases = await multiOutbox
          .doctor({
            ...(tenants !== undefined && { tenants }),
            parallel,
            onTenant: (_diagnosis, done, of) => progress.update(done, of),
          })
          .finally(() => progress.stop());
        const unwell = databases.filter(({ findings }) => findings.some(isProblem));
        await session.show({ well: unwell.length === 0, databases }, async () => {
          const drawn = await table(
            databases.flatMap(linesOf),
            [
              {
                title: 'Database',
                cell: ({ diagnosis }) => diagnosis?.tenantId ?? (diagnosis && 'registry'),
              },
              { title: 'Version', cell: ({ diagnosis }) => diagnosis?.version, align: 'right' },
              {
                title: 'Clock',
                cell: ({ diagnosis }) => clockText(diagnosis?.clockAheadMs ?? null),
                align: 'right',
              },
              {
                title: 'Found',
                cell: ({ finding }) =>
                  finding === undefined ? 'well' : `${finding.severity}: ${finding.message}`,
                paint: (text, { finding }) =>
                  finding !== undefined && isProblem(finding) ? session.colors.red(text) : text,
              },
            ],
            session.colors,
          );
          return `${drawn}\n\n${counted(databases.length, 'database')} looked at, ${unwell.length} with problems.`;
        });
        if (unwell.length > 0) {
          const names = unwell.slice(0, 5).map(({ tenantId }) => tenantId ?? 'the registry');
          const others = unwell.length > names.length ? ` and ${unwell.length - names.length} more` : '';
          throw new FailedError(`Problems were found with ${names.join(', ')}${others}.`);
        }
        return undefined;
      }),
    );
}

const isProblem = ({ severity }: Finding) => severity === 'problem';

/** A line for each finding; the database stands in the first. */
function linesOf(diagnosis: Diagnosis): { diagnosis?: Diagnosis; finding?: Finding }[] {
  const [first, ...rest] = diagnosis.findings;
  return [{ diagnosis, ...(first && { finding: first }) }, ...rest.map((finding) => ({ finding }))];
}

function clockText(aheadMs: number | null): string {
  if (aheadMs === null) return '';
  return `${aheadMs > 0 ? '+' : ''}${aheadMs} ms`;
}
