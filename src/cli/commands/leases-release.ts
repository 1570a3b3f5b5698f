import type { Command } from 'commander';
import { duration } from '../../duration-text.ts';
import { helpNote } from '../help-note.ts';
import type { Runner } from '../runner.ts';

/** Without --yes the command shows the lease's holder, changes nothing and exits with code 0. */
export function leasesReleaseCommand(leases: Command, run: Runner): void {
  leases
    .command('release')
    .description('release a lease, even if another owner holds it; without --yes, only show the holder')
    .argument('<name>', 'name of the lease')
    .argument('[tenant]', 'id of the tenant (default: the registry)')
    .option('--yes', 'release the lease')
    .addHelpText(
      'after',
      helpNote(
        "The old holder notices at its next renewal, after at most a third of the lease's duration. Until then both holders may work at the same time.",
      ),
    )
    .action((name: string, tenantId: string | undefined, options: { yes?: true }, command: Command) =>
      run(command, async (session) => {
        const leasesHere = (await session.open()).leases(tenantId);
        const changed = options.yes === true;
        const lease = changed
          ? await leasesHere.release(name)
          : ((await leasesHere.list({ name })).find(({ owner }) => owner !== null) ?? null);
        await session.show({ tenantId: tenantId ?? null, name, changed, lease }, () => {
          if (lease === null)
            return `No owner holds a lease named '${name}' here; 'leases list' shows the leases.`;
          if (changed) return `Lease ${name} is released; ${lease.owner} held it.`;
          const { owner, held, expiresUtc } = lease;
          const until = held
            ? `for another ${duration(expiresUtc!.getTime() - Date.now())}`
            : 'but it has expired';
          return `Lease ${name} is held by ${owner}, ${until}. Nothing was changed; add --yes to release it.`;
        });
      }),
    );
}
