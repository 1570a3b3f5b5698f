import type { Command } from 'commander';
import { duration } from '../../duration-text.ts';
import type { Diagnosis, Finding } from '../../fleet/operations/doctor.ts';
import { listArgument, wholeNumber } from '../arguments.ts';
import { FailedError, UsageError } from '../errors.ts';
import { addFailOn, type FailOnOptions, failOn } from '../fail-on.ts';
import { startProgress } from '../output/progress.ts';
import { table } from '../output/table.ts';
import { counted, number } from '../output/text.ts';
import type { Runner } from '../runner.ts';

interface DoctorOptions {
  all?: true;
  tenant?: string[];
  registryOnly?: true;
  parallel: number;
}

export function doctorCommand(program: Command, run: Runner): void {
  const command = program
    .command('doctor')
    .description(
      'check databases without changing them: reachability, schema version and drift, rights, settings, clock',
    )
    .option('--all', 'check the registry and every tenant that is not retired (the default)')
    .option('--tenant <id>', 'check the registry and this tenant; repeatable', listArgument)
    .option('--registry-only', 'check only the registry')
    .option('--parallel <number>', 'check this many tenant databases at once', wholeNumber(1, 100), 4);
  addFailOn(command).action((options: DoctorOptions & FailOnOptions, command: Command) =>
    run(command, async (session) => {
      const { all, tenant, registryOnly, parallel } = options;
      if ([all, tenant, registryOnly].filter((option) => option !== undefined).length > 1) {
        throw new UsageError('Give only one of --all, --tenant and --registry-only.');
      }
      const tenants = registryOnly ? [] : tenant;
      const multiOutbox = await session.open();
      const progress = await startProgress('Checking', 'databases', session.options);
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
              breaks: true,
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
              text: true,
              cell: ({ finding }) =>
                finding === undefined ? 'ok' : `${finding.severity}: ${finding.message}`,
              paint: (text, { finding }) =>
                finding !== undefined && isProblem(finding) ? session.colors.red(text) : text,
            },
          ],
          session.terminal,
        );
        return `${drawn}\n\n${counted(databases.length, 'database')} checked, ${number(unwell.length)} with problems.`;
      });
      if (unwell.length > 0) {
        const names = unwell.slice(0, 5).map(({ tenantId }) => tenantId ?? 'the registry');
        const others =
          unwell.length > names.length ? ` and ${number(unwell.length - names.length)} more` : '';
        throw new FailedError(
          `The doctor found problems in ${names.join(', ')}${others}; its findings say what to do about each.`,
        );
      }
      if (options.failOn !== undefined) {
        const named = tenant && (await Promise.all(tenant.map((id) => multiOutbox.tenants.get(id))));
        failOn(options, await multiOutbox.status(), named);
      }
      return undefined;
    }),
  );
}

const isProblem = ({ severity }: Finding) => severity === 'problem';

/** One row for each finding; only the first row names the database. */
function linesOf(diagnosis: Diagnosis): { diagnosis?: Diagnosis; finding?: Finding }[] {
  const [first, ...rest] = diagnosis.findings;
  return [{ diagnosis, ...(first && { finding: first }) }, ...rest.map((finding) => ({ finding }))];
}

function clockText(aheadMs: number | null): string {
  if (aheadMs === null) return '';
  const sign = aheadMs > 0 ? '+' : aheadMs < 0 ? '-' : '';
  return `${sign}${duration(Math.abs(aheadMs))}`;
}
