import type { Command } from 'commander';
import { duration } from '../../duration-text.ts';
import type { LeaseRecord, ListLeases } from '../../engine/lease-store.ts';
import { wholeNumber } from '../arguments.ts';
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
    .option('--owned', 'only leases that have an owner')
    .option('--after <name>', 'only leases whose names come after this one')
    .option('--limit <number>', 'list at most this many', wholeNumber(1, 10_000), 1_000)
    .action(
      (tenantId: string | undefined, query: ListLeases & { readonly limit: number }, command: Command) =>
        run(command, async (session) => {
          const multiOutbox = await session.open();
          const found = await multiOutbox.leases(tenantId).list(query);
          await session.show({ tenantId: tenantId ?? null, leases: found }, async () =>
            found.length === 0
              ? query.owned || query.after !== undefined
                ? 'No lease is left to show.'
                : 'No lease has been acquired here yet.'
              : `${await table(
                  found,
                  [
                    { title: 'Lease', cell: ({ name }) => name, breaks: true },
                    {
                      title: 'State',
                      cell: stateText,
                      paint: (text, { held }) =>
                        held ? session.colors.green(text) : session.colors.dim(text),
                    },
                    { title: 'Owner', cell: ({ owner }) => owner, breaks: true },
                    { title: 'Fence', cell: ({ fence }) => String(fence), align: 'right' },
                    { title: 'Taken', cell: ({ owner, acquiredUtc }) => owner && `${age(acquiredUtc)} ago` },
                    { title: 'Expires', cell: expiryText },
                    { title: 'Context', cell: ({ context }) => context, text: true },
                  ],
                  session.terminal,
                )}${found.length < query.limit ? '' : `\n\nThere may be more: add --after '${found.at(-1)!.name}'.`}`,
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
