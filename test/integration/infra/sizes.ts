import hostJson from '../../../host.json' with { type: 'json' };
import type { Resource, Value } from '../../support/bicep.ts';
import { onDemandOthers, registryWorkers, zonesKeep } from '../../support/registry-workers.ts';
import type { Evaluated } from './evaluated.test.ts';

/** A run settles one batch while it has claimed the next (D6). */
const batchesOfRun = 2;

const { batchSize, newBatchThreshold } = hostJson.extensions.queues;
const runsOfInstance = batchSize + newBatchThreshold;

export function describeSizes(evaluated: () => Evaluated): void {
  const sizes = (resources: Resource[]) => {
    const property = (type: string) => resources.find((resource) => resource.type === type)!;
    const settings = resources.find(({ name }) => name.endsWith('/appsettings'))!.properties;
    return {
      settings,
      ...property('Microsoft.Web/sites').properties.functionAppConfig.scaleAndConcurrency,
      inZones: property('Microsoft.Web/serverfarms').properties.zoneRedundant as boolean,
      registry: property('Microsoft.Sql/servers/databases').sku.name as string,
      poolSize: Number(settings.MULTI_OUTBOX_SQL_POOL_SIZE),
    };
  };
  const deployments = async () => ({
    dev: sizes(evaluated().dev),
    prod: sizes(evaluated().prod),
    defaults: sizes(await evaluated().bicep.evaluate({})),
    large: sizes(await evaluated().bicep.evaluate({ instanceMemoryMB: '4096' })),
    small: sizes(await evaluated().bicep.evaluate({ instanceMemoryMB: '512' })),
  });

  test('the workers of the registry carry the connections of all instances, those always ready included', async () => {
    const all = await deployments();
    expect([all.prod.inZones, all.dev.inZones, zonesKeep]).toEqual([true, false, 16]);
    for (const [name, size] of Object.entries(all)) {
      const ready = size.alwaysReady.reduce(
        (sum: number, { instanceCount }: Value) => sum + instanceCount,
        0,
      );
      const others = size.inZones ? zonesKeep : onDemandOthers + ready;
      const connections = (size.maximumInstanceCount + others) * size.poolSize;
      expect([name, size.registry, connections <= registryWorkers[size.registry]!]).toEqual([
        name,
        size.registry,
        true,
      ]);
    }
  });

  test('D6: two batches of every run of an instance are at most a fifth of its memory', async () => {
    for (const [name, { settings, instanceMemoryMB }] of Object.entries(await deployments())) {
      const bytes = runsOfInstance * batchesOfRun * Number(settings.MULTI_OUTBOX_BATCH_BYTES);
      const share = bytes / (instanceMemoryMB * 2 ** 20);
      expect([name, share > 0.1 && share <= 0.2]).toEqual([name, true]);
    }
  });

  test('an instance may open the databases and the connections of all its runs', async () => {
    const { settings, poolSize } = (await deployments()).defaults;
    expect(Number(settings.MULTI_OUTBOX_MAX_OPEN_DATABASES)).toBeGreaterThanOrEqual(runsOfInstance);
    expect(Number(settings.MULTI_OUTBOX_SQL_MAX_CONNECTIONS_PER_SERVER)).toBeGreaterThanOrEqual(
      (runsOfInstance + 1) * poolSize,
    );
  });

  test('the host lets bodies through that the app refuses, and ten times as much, also when a parameter changes that', async () => {
    const { settings } = (await deployments()).prod;
    expect(settings).toMatchObject({
      MULTI_OUTBOX_MAX_BODY_BYTES: '1048576',
      FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '10485760',
    });
    const changed = sizes(
      await evaluated().bicep.evaluate({ appSettings: "{ MULTI_OUTBOX_MAX_BODY_BYTES: '2097152' }" }),
    );
    expect(changed.settings).toMatchObject({
      MULTI_OUTBOX_MAX_BODY_BYTES: '2097152',
      FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '20971520',
    });
  });

  test('an empty limit of bodies is the default, as the app reads it', async () => {
    const empty = sizes(
      await evaluated().bicep.evaluate({ appSettings: "{ MULTI_OUTBOX_MAX_BODY_BYTES: '' }" }),
    );
    expect(empty.settings.FUNCTIONS_REQUEST_BODY_SIZE_LIMIT).toBe('10485760');
  });

  test('an instance gets as many HTTP requests at once as host.json lets in', async () => {
    expect((await deployments()).prod.triggers).toEqual({
      http: { perInstanceConcurrency: hostJson.extensions.http.maxConcurrentRequests },
    });
  });

  test('dev has the cheapest registry', async () => {
    expect((await deployments()).dev.registry).toBe('Basic');
  });
}
