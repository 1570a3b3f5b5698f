import type { Command } from 'commander';
import { changeAsRead } from '../../fleet/tenants/change-as-read.ts';
import { definitionOf } from '../../fleet/tenants/definition.ts';
import { listArgument } from '../arguments.ts';
import { UsageError } from '../errors.ts';
import { helpNote } from '../help-note.ts';
import type { Runner } from '../runner.ts';
import { addFieldOptions, fieldValues, tenantWith } from '../tenant-fields.ts';

interface ChangeOptions extends Readonly<Record<string, unknown>> {
  readonly tag?: Record<string, string>;
  readonly untag?: string[];
}

export function tenantsChangeCommand(tenants: Command, run: Runner): void {
  const change = tenants
    .command('change')
    .description('change fields of a tenant; fields that are not given keep their values')
    .argument('<tenant>', 'id of the tenant');
  addFieldOptions(change, { removable: true })
    .option('--untag <key>', 'remove a tag; repeatable', listArgument)
    .addHelpText(
      'after',
      helpNote(
        'Running hosts pick the change up without a restart. If you name another database, this command neither migrates it nor moves messages to it.',
      ),
    )
    .action((id: string, options: ChangeOptions, command: Command) =>
      run(command, async (session) => {
        const values = fieldValues(options);
        const { tag, untag = [] } = options;
        if (values.size === 0 && tag === undefined && untag.length === 0)
          throw new UsageError('No change was given; --help lists the fields that you can change.');
        const multiOutbox = await session.open();
        const changed = await changeAsRead(
          multiOutbox.tenants,
          await multiOutbox.tenants.get(id),
          (record) => {
            const { tags = {}, ...tenant } = definitionOf(record);
            const kept = Object.fromEntries(Object.entries(tags).filter(([key]) => !untag.includes(key)));
            return tenantWith({ ...tenant, tags: kept }, values, tag);
          },
        );
        await session.show({ tenant: changed }, () => `Changed tenant ${id}.`);
      }),
    );
}
