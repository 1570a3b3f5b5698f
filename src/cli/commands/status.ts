import { type Command, Option } from 'commander';
import { tenantStatuses } from '../../engine/tenant-status.ts';
import { listArgument, wholeNumber } from '../arguments.ts';
import { addFailOn, type FailOnOptions, failOn } from '../fail-on.ts';
import { defaultExamined, findTenants, type TenantQuery } from '../find-tenants.ts';
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
    .option(
      '--examine <number>',
      'read at most this many tenants of the registry, by id, to find those to show',
      wholeNumber(1, 1_000_000_000),
      defaultExamined,
    )
    .option('--all', 'read and show every tenant, without a limit');
  addFailOn(command).action((options: Options, command: Command) =>
    run(command, async (session) => {
      const multiOutbox = await session.open();
      const fleet = await multiOutbox.status();
      const found = await findTenants(multiOutbox, options);
      const { tenants, matching, examined, complete } = found;
      await session.show({ fleet, tenants, more: matching > tenants.length, examined, complete }, () =>
        statusText({ fleet, ...found }, session.terminal),
      );
      failOn(options, fleet, options.tenant === undefined ? undefined : tenants);
    }),
  );
}
