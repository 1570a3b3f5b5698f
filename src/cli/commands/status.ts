import { type Command, Option } from 'commander';
import { tenantStatuses } from '../../engine/tenant-status.ts';
import { listArgument, wholeNumber } from '../arguments.ts';
import { addFailOn, type FailOnOptions, failOn } from '../fail-on.ts';
import { findTenants, type TenantQuery } from '../find-tenants.ts';
import { statusText } from '../output/status.ts';
import type { Runner } from '../runner.ts';

type Options = TenantQuery & FailOnOptions;

export function statusCommand(program: Command, run: Runner): void {
  const command = program
    .command('status')
    .description(
      'show the fleet from the last reports in the registry, the tenants with troubles first, without opening a tenant database',
    )
    .option('--tenant <id>', 'show only this tenant; repeatable', listArgument)
    .addOption(
      new Option('--status <status>', 'show only tenants with this status').choices([...tenantStatuses]),
    )
    .option('--failing', 'show only tenants whose last run failed, or that have topics that fail now')
    .option('--backlog', 'show only tenants whose last run left due messages')
    .option('--parked', 'show only tenants with messages that have no handler')
    .option('--dead', 'show only tenants with Dead messages')
    .option('--limit <number>', 'show at most this many tenants', wholeNumber(1, 1_000_000), 50)
    .option('--all', 'show every tenant, without a limit');
  addFailOn(command).action((options: Options, command: Command) =>
    run(command, async (session) => {
      const multiOutbox = await session.open();
      const fleet = await multiOutbox.status();
      const { tenants, matching } = await findTenants(multiOutbox, options);
      await session.show({ fleet, tenants, more: matching > tenants.length }, () =>
        statusText({ fleet, tenants, matching }, session.terminal),
      );
      failOn(options, fleet, options.tenant === undefined ? undefined : tenants);
    }),
  );
}
