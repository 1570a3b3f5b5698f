import type { Command } from 'commander';
import type { TenantRecord } from '../../engine/registry.ts';
import type { MultiOutbox } from '../../multi-outbox.ts';
import type { Runner } from '../runner.ts';

interface Change {
  readonly name: string;
  readonly description: string;
  readonly apply: (multiOutbox: MultiOutbox, id: string) => Promise<TenantRecord>;
  readonly said: string;
}

const changes: readonly Change[] = [
  {
    name: 'pause',
    description: 'dispatch no more of a tenant until it is resumed',
    apply: (multiOutbox, id) => multiOutbox.tenants.pause(id),
    said: 'is paused: nothing of it is dispatched until it is resumed. Its messages wait.',
  },
  {
    name: 'resume',
    description: 'dispatch a paused tenant again, from now',
    apply: (multiOutbox, id) => multiOutbox.tenants.resume(id),
    said: 'is active and due now.',
  },
  {
    name: 'remove',
    description: 'retire a tenant; its database stays untouched',
    apply: (multiOutbox, id) => multiOutbox.tenants.remove(id),
    said: 'is retired: it is dispatched no more. Its database was left as it is.',
  },
];

/** `pause`, `resume` and `remove` differ in a verb. */
export function tenantsStatusCommands(tenants: Command, run: Runner): void {
  for (const { name, description, apply, said } of changes) {
    tenants
      .command(name)
      .description(description)
      .argument('<tenant>', 'id of the tenant')
      .action((id: string, _options: object, command: Command) =>
        run(command, async (session) => {
          const tenant = await apply(await session.open(), id);
          await session.show({ tenant }, () => `Tenant ${id} ${said}`);
        }),
      );
  }
}
