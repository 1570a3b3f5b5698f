import { type Command, Option } from 'commander';
import { exactDuration } from '../../duration-text.ts';
import { type TenantStatus, tenantStatuses } from '../../engine/tenant-status.ts';
import { wholeNumber } from '../arguments.ts';
import { noTenants } from '../failures.ts';
import { table } from '../output/table.ts';
import { counted, number, pairs } from '../output/text.ts';
import type { Runner } from '../runner.ts';

interface ListOptions {
  status?: TenantStatus;
  after?: string;
  limit: number;
}

export function tenantsListCommand(tenants: Command, run: Runner): void {
  tenants
    .command('list')
    .description('list the tenants and their definitions')
    .addOption(
      new Option('--status <status>', 'show only tenants with this status').choices([...tenantStatuses]),
    )
    .option('--after <tenant>', 'show only ids after this one (the last id of the previous page)')
    .option('--limit <number>', 'show at most this many tenants', wholeNumber(1, 100_000), 1_000)
    .action(({ status, after, limit }: ListOptions, command: Command) =>
      run(command, async (session) => {
        const multiOutbox = await session.open();
        const found = await multiOutbox.tenants.list({
          ...(status !== undefined && { status }),
          ...(after !== undefined && { after }),
          limit: limit + 1,
        });
        const more = found.length > limit;
        const shown = found.slice(0, limit);
        await session.show({ tenants: shown, more }, async () => {
          if (shown.length === 0) {
            return status === undefined && after === undefined ? noTenants : 'No tenant matches the options.';
          }
          const drawn = await table(
            shown,
            [
              { title: 'Tenant', cell: ({ id }) => id, breaks: true },
              { title: 'Status', cell: (tenant) => tenant.status },
              { title: 'Server', cell: ({ server }) => server, breaks: true },
              { title: 'Database', cell: ({ database }) => database, breaks: true },
              { title: 'Version', cell: ({ schemaVersion }) => schemaVersion, align: 'right' },
              { title: 'Priority', cell: ({ priority }) => priority, align: 'right', spare: 1 },
              { title: 'Weight', cell: ({ weight }) => weight, align: 'right', spare: 2 },
              {
                title: 'SLA',
                cell: ({ slaSeconds }) => slaSeconds && exactDuration(slaSeconds * 1_000),
                align: 'right',
                spare: 3,
              },
              { title: 'Tags', cell: ({ tags }) => pairs(tags), text: true },
            ],
            session.terminal,
          );
          const footer = more
            ? `Only the first ${number(limit)} are shown; continue with --after ${shown.at(-1)!.id}, or raise --limit.`
            : `${counted(shown.length, 'tenant')}.`;
          return `${drawn}\n\n${footer}`;
        });
      }),
    );
}
