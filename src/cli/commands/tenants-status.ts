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
    description: 'stop dispatching a tenant until it is resumed',
    apply: (multiOutbox, id) => multiOutbox.tenants.pause(id),
    said: "is paused: its messages wait until you run 'tenants resume'.",
  },
  {
    name: 'resume',
    description: 'dispatch a paused tenant again; it is due at once',
    apply: (multiOutbox, id) => multiOutbox.tenants.resume(id),
    said: 'is active and due now.',
  },
  {
    name: 'remove',
    description: 'retire a tenant; its database is not changed',
    apply: (multiOutbox, id) => multiOutbox.tenants.remove(id),
    said: 'is retired: its messages are not dispatched any more. Its database was not changed.',
  },
];

/** The commands `pause`, `resume` and `remove`. */
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
