import hostJson from '../../../host.json' with { type: 'json' };
import type { Resource } from '../../support/bicep.ts';
import { registryWorkers } from '../../support/registry-workers.ts';
import type { Evaluated } from './evaluated.test.ts';

/** Instances of other functions that reach the registry beside dispatch: the plan, and HTTP. */
const otherInstances = 2;
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

  test('the workers of the registry carry the connections of all instances', async () => {
    for (const [name, { maximumInstanceCount, poolSize, registry }] of Object.entries(await deployments())) {
      const connections = (maximumInstanceCount + otherInstances) * poolSize;
      expect([name, registry, connections <= registryWorkers[registry]!]).toEqual([name, registry, true]);
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

  test('the host reads no more of a request than the app accepts, also when a parameter changes that', async () => {
    const { settings } = (await deployments()).prod;
    expect(settings.FUNCTIONS_REQUEST_BODY_SIZE_LIMIT).toBe(settings.MULTI_OUTBOX_MAX_BODY_BYTES);
    const changed = sizes(
      await evaluated().bicep.evaluate({ appSettings: "{ MULTI_OUTBOX_MAX_BODY_BYTES: '2097152' }" }),
    );
    expect(changed.settings).toMatchObject({
      MULTI_OUTBOX_MAX_BODY_BYTES: '2097152',
      FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '2097152',
    });
  });

  test('dev has the cheapest registry', async () => {
    expect((await deployments()).dev.registry).toBe('Basic');
  });
}
