/** The flow on the SQL Server engine. Needs a server; see test/support/sqlserver.ts. */
import { createMultiOutbox, type MultiOutbox } from '../../../src/index.ts';
import { Azurite } from '../../support/azurite.ts';
import { FunctionsApp } from '../../support/functions-app.ts';
import { describeOnServer, serverConnectionString, serverVariable } from '../../support/sqlserver.ts';
import { TestDatabases, tenantsSetting } from '../../support/sqlserver-databases.ts';
import { until } from '../../support/until.ts';

/** The first call of each procedure on a connection takes seconds on some servers. */
const patienceMs = 150_000;

describeOnServer(`the function app on SQL Server (${serverVariable})`, () => {
  const ids = ['acme', 'birch', 'cedar', 'delta', 'elder'];
  const databases = new TestDatabases(serverConnectionString);
  const names = new Map<string, string>();
  let azurite: Azurite;
  let registryUrl: string;
  let library: MultiOutbox;
  const app = new FunctionsApp(() => azurite);

  beforeAll(async () => {
    azurite = await Azurite.start();
    registryUrl = databases.registryUrl(await databases.take('registry'));
    process.env[tenantsSetting] = databases.connectionString;
    library = createMultiOutbox({ registry: registryUrl });
    for (const id of ids) {
      names.set(id, await databases.take('tenant'));
      await library.tenants.add({
        id,
        database: names.get(id)!,
        auth: { kind: 'setting', name: tenantsSetting },
      });
    }
  }, 300_000);

  afterAll(async () => {
    await library?.close();
    await azurite?.stop();
    await databases.dispose();
  }, 120_000);

  test(
    'timer to messages: those of five tenants are dispatched, each once',
    async () => {
      for (const id of ids) await library.outbox(id).enqueue(app.mails(['one', 'two', `of ${id}`]));
      const instance = await app.start({
        MULTI_OUTBOX_REGISTRY: registryUrl,
        [tenantsSetting]: databases.connectionString,
      });
      const ready = await instance.fetch('health/ready');
      expect([ready.status, await ready.text()]).toEqual([200, expect.stringContaining('"status":"ok"')]);
      const plan = await instance.tick();
      expect(plan.outputs.map(({ text }) => JSON.parse(text).tenantId).sort()).toEqual(ids);
      await until('all runs have ended', () => instance.of('dispatch').length === 5, patienceMs);
      expect(instance.invocations.filter(({ error }) => error !== undefined)).toEqual([]);
      expect(instance.runs().map(({ outcome, done }) => [outcome, done])).toEqual(
        ids.map(() => ['dispatched', 3]),
      );
      expect(ids.map((id) => app.dispatched(id).length)).toEqual(ids.map(() => 3));
      expect(await library.status()).toMatchObject({ failing: 0, totals: { done: 15, retried: 0, lost: 0 } });
    },
    2 * patienceMs,
  );
});
