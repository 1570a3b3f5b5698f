/** A history on a server. The seed decides the workload and the faults; when they happen is the machine's affair. */
import { tenantDefinition } from '../../../src/fleet/tenants/definition.ts';
import { type History, liveThrough, summaryOf } from '../history.ts';
import { randomFor } from '../machine/randomness.ts';
import { drawTenants } from '../templates.ts';
import type { WorldOptions } from '../world.ts';
import type { ServerDatabases } from './databases.ts';
import { ServerWorld } from './world.ts';

/** Milliseconds. A driver waits for a login that its server has not answered, so closing may take long. */
const phases = { troubledMs: 10_000, healingMs: 300_000, idleMs: 2_000, closeMs: 60_000 };
const mostTenants = 3;

export async function runOnServer(options: WorldOptions, databases: ServerDatabases): Promise<History> {
  const count = randomFor(options.seed, 'tenants').between(1, mostTenants);
  const inputs = drawTenants(randomFor(options.seed, 'tenant inputs'), count);
  const registry = await databases.registry();
  const tenants = new Map<string, string>();
  for (const { id } of inputs) tenants.set(id, await databases.tenant());
  const world = await ServerWorld.create(options, { databases, registry, tenants });
  try {
    const engine = world.ownEngine();
    for (const input of inputs) {
      const definition = tenantDefinition(world.definition(input));
      world.addTenant(definition);
      await engine.openRegistry().add(definition, engine.databaseKey(definition));
    }
    await engine.close();
    await liveThrough(world, inputs, phases);
    return summaryOf(world);
  } finally {
    world.close();
    for (const name of [registry, ...tenants.values()]) await databases.giveBack(name);
  }
}
