/** S4: whoever may only look cannot make the console read all databases many times at once, nor see where files are. */
import { rmSync } from 'node:fs';
import { defineHandler } from '../../../src/queue/handler.ts';
import { ConsoleClient } from '../../support/console-requests.ts';
import { deferred } from '../../support/deferred.ts';
import { FleetPlace } from '../../support/fleet-place.ts';
import { until } from '../../support/until.ts';

const place = new FleetPlace();

test('S4: of requests that read many databases, two run at once, ten wait, and the others are refused', async () => {
  const face = await place.fleet(['acme']);
  const goOn = deferred();
  let [present, most] = [0, 0];
  const messages = {
    ...face.messages,
    async errors() {
      most = Math.max(most, ++present);
      await goOn.promise;
      present--;
      return { groups: [], count: 0, tenants: 0, cut: [], failures: [] };
    },
  };
  const client = new ConsoleClient({ ...face, messages });
  const sent = Array.from({ length: 15 }, () => client.get('/api/errors'));
  const answered: number[] = [];
  for (const each of sent) void each.then(({ status }) => answered.push(status));
  await until('three are refused', () => answered.length === 3);
  expect(answered).toEqual([429, 429, 429]);
  // What reads one tenant, or the registry, does not wait for them.
  expect((await client.get('/api/tenants/acme/messages/outbox')).status).toBe(200);
  expect((await client.get('/api/tenants')).status).toBe(200);
  goOn.resolve();
  await Promise.all(sent);
  expect(answered.filter((status) => status === 200)).toHaveLength(12);
  expect(most).toBe(2);
  expect((await client.get('/api/errors')).status).toBe(200);
});

test('S4: an error of the library does not say in which folder a file is', async () => {
  const face = await place.fleet(['acme', 'globex']);
  for (const end of ['', '-wal', '-shm']) rmSync(place.file(`tenants/globex.db${end}`), { force: true });
  const again = place.face({ handlers: [defineHandler({ topic: 'orders', handle() {} })] });
  const client = new ConsoleClient(again);
  await again.wake('globex');
  await again.tick();
  for (const path of [
    '/api/tenants/globex',
    '/api/tenants/globex/messages/outbox',
    '/api/tenants/globex/leases',
    '/api/doctor?ids=globex',
  ]) {
    const { text } = await client.get(path);
    expect([path, text]).toEqual([path, expect.stringContaining('globex.db')]);
    expect([path, text]).toEqual([path, expect.not.stringContaining(place.folder)]);
  }
  await face.close();
});
