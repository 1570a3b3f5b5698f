import type { Command } from 'commander';
import { definitionOf } from '../../fleet/tenants/definition.ts';
import { listArgument } from '../arguments.ts';
import { UsageError } from '../errors.ts';
import type { Runner } from '../runner.ts';
import { addFieldOptions, fieldValues, tenantWith } from '../tenant-fields.ts';

interface ChangeOptions extends Readonly<Record<string, unknown>> {
  readonly tag?: Record<string, string>;
  readonly untag?: string[];
}

export function tenantsChangeCommand(tenants: Command, run: Runner): void {
  const change = tenants
    .command('change')
    .description('change fields of a tenant; what is not given stays')
    .argument('<tenant>', 'id of the tenant');
  addFieldOptions(change, { removable: true })
    .option('--untag <key>', 'take a tag away; repeatable', listArgument)
    .addHelpText(
      'after',
      '\nHosts take the change in by themselves. Another database is not migrated, and messages are not moved to it.',
    )
    .action((id: string, options: ChangeOptions, command: Command) =>
      run(command, async (session) => {
        const values = fieldValues(options);
        const { tag, untag = [] } = options;
        if (values.size === 0 && tag === undefined && untag.length === 0)
          throw new UsageError('Nothing to change was given; see --help for what can be.');
        const multiOutbox = await session.open();
        const { tags = {}, ...tenant } = definitionOf(await multiOutbox.tenants.get(id));
        const kept = Object.fromEntries(Object.entries(tags).filter(([key]) => !untag.includes(key)));
        const changed = await multiOutbox.tenants.change(tenantWith({ ...tenant, tags: kept }, values, tag));
        await session.show({ tenant: changed }, () => `Changed tenant ${id}.`);
      }),
    );
}
