import type { Command } from 'commander';
import type { Runner } from '../runner.ts';

export function wakeCommand(program: Command, run: Runner): void {
  program
    .command('wake')
    .description('make tenants due now')
    .argument('<tenant...>', 'ids of the tenants')
    .action((tenantIds: string[], _options: object, command: Command) =>
      run(command, async (session) => {
        const multiOutbox = await session.open();
        await multiOutbox.wake(tenantIds);
        await session.show({ woken: tenantIds }, () =>
          tenantIds.map((tenantId) => `Tenant ${tenantId} is due now.`).join('\n'),
        );
      }),
    );
}
