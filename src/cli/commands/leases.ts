import type { Command } from 'commander';
import { duration } from '../../duration-text.ts';
import type { LeaseRecord } from '../../engine/lease-store.ts';
import { table } from '../output/table.ts';
import { age } from '../output/text.ts';
import type { Runner } from '../runner.ts';
import { leasesReleaseCommand } from './leases-release.ts';

export function leasesCommands(program: Command, run: Runner): void {
  const leases = program.command('leases').description('list and release leases');
  leases
    .command('list')
    .description("list the leases of a tenant's database, or of the registry")
    .argument('[tenant]', 'id of the tenant (default: the registry)')
    .action((tenantId: string | undefined, _options: object, command: Command) =>
      run(command, async (session) => {
        const multiOutbox = await session.open();
        const found = await multiOutbox.leases(tenantId).list();
        await session.show({ tenantId: tenantId ?? null, leases: found }, () =>
          found.length === 0
            ? 'No lease has been acquired here yet.'
            : table(
                found,
                [
                  { title: 'Lease', cell: ({ name }) => name, breaks: true },
                  {
                    title: 'State',
                    cell: stateText,
                    paint: (text, { held }) => (held ? session.colors.green(text) : session.colors.dim(text)),
                  },
                  { title: 'Owner', cell: ({ owner }) => owner, breaks: true },
                  { title: 'Fence', cell: ({ fence }) => String(fence), align: 'right' },
                  { title: 'Taken', cell: ({ owner, acquiredUtc }) => owner && `${age(acquiredUtc)} ago` },
                  { title: 'Expires', cell: expiryText },
                  { title: 'Context', cell: ({ context }) => context, text: true },
                ],
                session.terminal,
              ),
        );
      }),
    );
  leasesReleaseCommand(leases, run);
}

function stateText({ held, owner }: LeaseRecord): string {
  if (held) return 'held';
  return owner === null ? 'free' : 'expired';
}

function expiryText({ held, expiresUtc }: LeaseRecord): string {
  if (expiresUtc === null) return '';
  return held ? `in ${duration(expiresUtc.getTime() - Date.now())}` : `${age(expiresUtc)} ago`;
}
