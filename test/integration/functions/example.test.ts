/** examples/azure as a user has it: installed from the packed package, tested, built, and run on queues of a real service. */
import { readdirSync, readFileSync } from 'node:fs';
import { deflateRawSync } from 'node:zlib';
import { Azurite } from '../../support/azurite.ts';
import { FunctionsApp } from '../../support/functions-app.ts';
import { InstalledProject } from '../../support/installed-project.ts';
import { until } from '../../support/until.ts';
import { type Answer, answering, startReceiver } from '../handlers/receiver.ts';

// npm installs the packages.
jest.setTimeout(300_000);

let azurite: Azurite;
let project: InstalledProject;
beforeAll(async () => {
  project = new InstalledProject('examples/azure');
  expect(await project.install('npm')).toMatchObject({ code: 0 });
  azurite = await Azurite.start();
});
afterAll(async () => {
  await azurite?.stop();
  project.remove();
});
const app = new FunctionsApp(() => azurite);
const silently = (script: string) => project.run('npm', ['run', '--silent', script]);

describe('examples/azure', () => {
  test('its own tests pass, and its code fits the types of the package', async () => {
    expect(await project.run('npm', ['test'])).toEqual({
      code: 0,
      output: expect.stringMatching(/pass 4\b/),
    });
    expect(await silently('types')).toEqual({ code: 0, output: '' });
  });

  describe('built', () => {
    beforeAll(async () => expect(await silently('build')).toEqual({ code: 0, output: '' }));
    const start = (settings: Readonly<Record<string, string>>) =>
      app.start(settings, { folder: project.file('dist') });

    test('it is one file of code, at most 2 MB when packed, with its host.json', () => {
      expect(readdirSync(project.file('dist')).sort()).toEqual([
        'console',
        'host.json',
        'main.js',
        'package.json',
      ]);
      const code = readFileSync(project.file('dist/main.js'));
      expect(deflateRawSync(code, { level: 9 }).length).toBeLessThan(2_000_000);
    });

    test('an order of its HTTP function reaches the billing service by its handler', async () => {
      await using billing = await startReceiver(answering(201));
      await app.tenants('acme');
      const instance = await start({ BILLING_URL: billing.origin });
      const order = { orderId: 'order-1', cents: 1_200 };
      const post = (tenant: string) =>
        instance.fetch(`orders/${tenant}`, { method: 'POST', body: JSON.stringify(order) });
      expect((await post('nobody')).status).toBe(404);
      const accepted = await post('acme');
      expect(accepted.status).toBe(202);
      const { messageId } = (await accepted.json()) as { messageId: string };
      await instance.tick();
      await until('the invoice is requested', () => billing.received.length > 0);
      const { method, path: url, headers, body } = billing.received[0]!;
      expect([method, url, headers['idempotency-key']]).toEqual(['POST', '/invoices', `acme:${messageId}`]);
      expect(JSON.parse(body)).toEqual(order);
      await until('it is Done', async () => (await app.library.outbox('acme').statistics()).done === 1);
    });

    test('a message in its queue wakes a tenant, and its handler runs without a plan', async () => {
      await using billing = await startReceiver(answering(201));
      await app.tenants('acme');
      await start({ BILLING_URL: billing.origin });
      await app.library
        .outbox('acme')
        .enqueue({ topic: 'invoice.create', payload: { orderId: 'order-2', cents: 5 } }, { wake: false });
      await azurite.send('multi-outbox-wake', 'acme');
      await until('the invoice is requested', () => billing.received.length > 0);
    });

    test('D5: an instance that ends while its handler runs releases the message, and the next one dispatches it', async () => {
      let answer: Answer = () => {};
      await using billing = await startReceiver((request, response) => answer(request, response));
      await app.tenants('acme');
      const instance = await start({ BILLING_URL: billing.origin });
      const order = { orderId: 'order-3', cents: 5 };
      await instance.fetch('orders/acme', { method: 'POST', body: JSON.stringify(order) });
      await instance.tick();
      await until('the invoice is requested', () => billing.received.length === 1);
      await instance.terminate();
      // The handler gives its signal to the request.
      await until('its connections are closed', () => billing.open() === 0);
      expect(await app.library.outbox('acme').statistics()).toMatchObject({ ready: 1, claimed: 0, dead: 0 });
      expect(await app.library.leases('acme').list()).toMatchObject([{ name: 'queue:outbox', held: false }]);
      answer = answering(201);
      const next = await start({ BILLING_URL: billing.origin });
      await next.tick();
      await until('it is Done', async () => (await app.library.outbox('acme').statistics()).done === 1);
      const keys = billing.received.map(({ headers }) => headers['idempotency-key']);
      expect(new Set(keys).size).toBe(1);
    });

    test('without BILLING_URL it starts and is not ready, and its log says what to set', async () => {
      const instance = await start({});
      expect((await instance.fetch('health/ready')).status).toBe(503);
      expect(instance.output).toContain('Set BILLING_URL to the address of the billing service.');
    });
  });
});
