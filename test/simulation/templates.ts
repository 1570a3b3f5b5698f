/** The databases at the beginning of a history: migrated once for all histories of this Node process. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createSqliteEngine } from '../../src/engine/sqlite/index.ts';
import { type TenantInput, tenantDefinition } from '../../src/fleet/tenants/definition.ts';
import type { Random } from './machine/randomness.ts';
import type { World } from './world.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'multi-outbox-templates-'));
const registryTemplate = path.join(folder, 'registry.db');
const tenantTemplate = path.join(folder, 'tenants', 'template.db');
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

/** The table to which handlers write in their own transactions. */
const effectsTable = 'CREATE TABLE SimulatedEffects (MessageId TEXT NOT NULL, Attempt INTEGER NOT NULL)';

/** Migrates the templates. Call it once, before the first history. */
export async function makeTemplates(): Promise<void> {
  const engine = createSqliteEngine({ registry: registryTemplate });
  await engine.openRegistry().schema.migrate();
  await engine.openTenant(tenantDefinition({ id: 'template' })).schema.migrate();
  await engine.close();
  const tenant = new DatabaseSync(tenantTemplate);
  tenant.exec(effectsTable);
  tenant.close();
}

/** Gives the world its registry and this many tenants. */
export async function copyTemplates(world: World, count: number): Promise<TenantInput[]> {
  if (!existsSync(tenantTemplate)) throw new Error('makeTemplates was not called');
  const { databases, random, registryFile } = world;
  databases.copyTo(registryTemplate, registryFile);
  const engine = createSqliteEngine({ registry: registryFile, synchronous: 'normal' });
  const registry = engine.openRegistry();
  const tenants = drawTenants(random, count, world.mostBusy);
  for (const input of tenants) {
    const definition = tenantDefinition(input);
    const { file } = world.addTenant(definition);
    databases.copyTo(tenantTemplate, file);
    // An operator or the directory adds it while the fleet works.
    if (tenants[0] !== input && random.chance(0.15)) continue;
    await registry.add(definition, engine.databaseKey(definition));
  }
  await engine.close();
  return tenants;
}

/** @param preferred how many every strategy prefers to the others; infinite: whatever is drawn */
export function drawTenants(
  random: Random,
  count: number,
  preferred = Number.POSITIVE_INFINITY,
): TenantInput[] {
  return Array.from({ length: count }, (_, index): TenantInput => {
    const [priority, weight, slaSeconds] = [
      random.pick([0, 5]),
      random.pick([1, 10]),
      random.pick([null, 5]),
    ];
    const id = `tenant-${index + 1}`;
    if (Number.isFinite(preferred)) {
      const isPreferred = index < preferred;
      return isPreferred ? { id, priority: 5, weight: 10, slaSeconds: 5 } : { id };
    }
    return { id, priority, weight, slaSeconds };
  });
}
