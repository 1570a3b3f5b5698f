import type { Command } from 'commander';
import type { WokenTenant } from '../../fleet/tenants/registered-tenants.ts';
import { time } from '../output/text.ts';
import type { Runner } from '../runner.ts';

export function wakeCommand(program: Command, run: Runner): void {
  program
    .command('wake')
    .description('make tenants due now')
    .argument('<tenant...>', 'ids of the tenants')
    .action((tenantIds: string[], _options: object, command: Command) =>
      run(command, async (session) => {
        const multiOutbox = await session.open();
        const woken: WokenTenant[] = [];
        for (const id of tenantIds) woken.push(await multiOutbox.tenants.wake(id));
        await session.show({ woken: tenantIds, tenants: woken }, () => woken.map(wokenText).join('\n'));
      }),
    );
}

function wokenText({ id, inFlight, schedule: { nextDueUtc } }: WokenTenant): string {
  if (!inFlight) return `Tenant ${id} is due now.`;
  const lost = nextDueUtc === null ? '' : `, or at ${time(nextDueUtc)} if it is lost`;
  return `Tenant ${id} has a run in flight; it is due again when this run ends${lost}. If the run hangs, release its lease: 'multi-outbox leases list ${id}' shows who holds it.`;
}
