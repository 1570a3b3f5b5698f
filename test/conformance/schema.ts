/** The schema of a database: creating, migrating and inspecting it. */
import type { SchemaControl } from '../../src/engine/schema.ts';
import { add } from './registry-entry.ts';
import { begin, message, take } from './run.ts';
import type { Scene } from './scene.ts';

export function schemaSuite(scene: Scene): void {
  const bare: Record<string, () => Promise<SchemaControl>> = {
    tenant: async () => scene.open(await scene.newTenant()).schema,
    registry: async () => (await scene.ownStage()).engine.openRegistry().schema,
  };

  describe.each(Object.keys(bare))('schema: %s', (place) => {
    test('a database without a schema is at version 0, and reading it does not change that', async () => {
      const schema = await bare[place]!();
      await expect(schema.version()).resolves.toBe(0);
      const plan = await schema.migrate({ dryRun: true });
      expect(plan).toMatchObject({ from: 0, to: schema.latest });
      expect(plan.steps.map(({ version }) => version)).toEqual(
        Array.from({ length: schema.latest }, (_, index) => index + 1),
      );
      await expect(schema.version()).resolves.toBe(0);
    });

    test('migrating applies every step once', async () => {
      const schema = await bare[place]!();
      const planned = await schema.migrate({ dryRun: true });
      await expect(schema.migrate()).resolves.toEqual(planned);
      await expect(schema.version()).resolves.toBe(schema.latest);
      const nothing = { from: schema.latest, to: schema.latest, steps: [] };
      await expect(schema.migrate()).resolves.toEqual(nothing);
      await expect(schema.migrate({ dryRun: true })).resolves.toEqual(nothing);
    });

    test('a program works with its own schema version, and reports the oldest version that it can use', async () => {
      const { latest, oldestUsable } = await bare[place]!();
      expect(oldestUsable).toBeGreaterThan(0);
      expect(oldestUsable).toBeLessThanOrEqual(latest);
    });

    test('an inspection finds nothing wrong with a database that was migrated', async () => {
      const schema = await bare[place]!();
      await schema.migrate();
      const { version, findings, clockAheadMs, clockErrorMs } = await schema.inspect();
      expect({ version, problems: findings.filter(({ severity }) => severity === 'problem') }).toEqual({
        version: schema.latest,
        problems: [],
      });
      expect([clockAheadMs, clockErrorMs]).toEqual([expect.any(Number), expect.any(Number)]);
    });
  });

  test('several hosts may migrate a tenant database at once', async () => {
    const address = await scene.newTenant();
    const hosts = [1, 2, 3].map(() => scene.open(address, scene.anotherHost()));
    const results = await Promise.all(hosts.map(({ schema }) => schema.migrate()));
    const { latest } = hosts[0]!.schema;
    expect(results.flatMap(({ steps }) => steps.map(({ version }) => version)).sort((a, b) => a - b)).toEqual(
      Array.from({ length: latest }, (_, index) => index + 1),
    );
    await hosts[0]!.queue('outbox').enqueue([message('A')]);
    expect((await take(hosts[2]!.queue('outbox'))).messages).toHaveLength(1);
  });

  test('migrating again does not change messages or leases', async () => {
    const { database, queue } = await scene.queue('outbox');
    await queue.enqueue([message('A')]);
    const run = await take(queue);
    await database.schema.migrate();
    expect(await begin(queue, { owner: 'host-2' })).toMatchObject({ status: 'leased-elsewhere' });
    expect((await database.leases.list()).map(({ fence }) => fence)).toContain(run.lease.fence);
  });

  test('D8: without its schema a tenant database refuses work with an error that names the tenant', async () => {
    const address = await scene.newTenant();
    const database = scene.open(address);
    const refusal = {
      name: 'MultiOutboxError',
      code: expect.stringMatching(/^(SCHEMA_MISSING|DATABASE_MISSING)$/),
      tenantId: address.id,
    };
    await expect(database.queue('outbox').enqueue([message('A')])).rejects.toMatchObject(refusal);
    await expect(begin(database.queue('inbox'))).rejects.toMatchObject(refusal);
    await expect(database.leases.list()).rejects.toMatchObject(refusal);
    await database.schema.migrate();
    await expect(database.queue('outbox').enqueue([message('A')])).resolves.toHaveLength(1);
  });

  test('F2: a registry without its schema refuses work with SCHEMA_MISSING', async () => {
    const registry = (await scene.ownStage()).engine.openRegistry();
    const refusal = {
      name: 'MultiOutboxError',
      code: expect.stringMatching(/^(SCHEMA_MISSING|DATABASE_MISSING)$/),
    };
    await expect(registry.list()).rejects.toMatchObject(refusal);
    await expect(add(registry, 'a')).rejects.toMatchObject(refusal);
    await registry.schema.migrate();
    await expect(add(registry, 'a')).resolves.toMatchObject({ id: 'a' });
  });
}
