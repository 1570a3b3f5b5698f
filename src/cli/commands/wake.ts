import type { Command } from 'commander';
import type { TenantRecord } from '../../engine/registry.ts';
import { duration } from '../output/text.ts';
import type { Runner } from '../runner.ts';

export function wakeCommand(program: Command, run: Runner): void {
  program
    .command('wake')
    .description('make tenants due now')
    .argument('<tenant...>', 'ids of the tenants')
    .action((tenantIds: string[], _options: object, command: Command) =>
      run(command, async (session) => {
        const multiOutbox = await session.open();
        const woken: TenantRecord[] = [];
        for (const id of tenantIds) woken.push(await multiOutbox.tenants.wake(id));
        await session.show({ woken: tenantIds, tenants: woken }, () => woken.map(wokenText).join('\n'));
      }),
    );
}

/** A tenant is due later than now only while a run of it is in flight. */
function wokenText({ id, schedule: { nextDueUtc } }: TenantRecord): string {
  const inMs = (nextDueUtc?.getTime() ?? 0) - Date.now();
  if (inMs <= 0) return `Tenant ${id} is due now.`;
  return `Tenant ${id} has a run in flight; it is due again when this run ends, or in ${duration(inMs)} if it does not. If the run hangs, release its lease: 'multi-outbox leases list ${id}' shows who holds it.`;
}
