import type { Command } from 'commander';
import { duration } from '../output/text.ts';
import type { Runner } from '../runner.ts';

/** Without --yes it says who holds the lease, changes nothing, and ends with exit code 0. */
export function leasesReleaseCommand(leases: Command, run: Runner): void {
  leases
    .command('release')
    .description('free a lease, whoever holds it; without --yes it only says who does')
    .argument('<name>', 'name of the lease')
    .argument('[tenant]', 'id of the tenant; the registry when absent')
    .option('--yes', 'do it')
    .addHelpText(
      'after',
      '\nThe holder notices at its next renewal, at a third of its lease; until then it may work beside the next holder.',
    )
    .action((name: string, tenantId: string | undefined, options: { yes?: true }, command: Command) =>
      run(command, async (session) => {
        const leasesHere = (await session.open()).leases(tenantId);
        const changed = options.yes === true;
        const lease = changed
          ? await leasesHere.release(name)
          : ((await leasesHere.list()).find((one) => one.name === name && one.owner !== null) ?? null);
        await session.show({ tenantId: tenantId ?? null, name, changed, lease }, () => {
          if (lease === null)
            return `Nobody holds a lease '${name}' here; 'leases list' shows what there is.`;
          if (changed) return `Lease ${name} is free; ${lease.owner} held it.`;
          const { owner, held, expiresUtc } = lease;
          const until = held
            ? `for another ${duration(expiresUtc!.getTime() - Date.now())}`
            : 'but it has run out';
          return `Lease ${name} is held by ${owner}, ${until}. Nothing was changed; add --yes to free it.`;
        });
      }),
    );
}
