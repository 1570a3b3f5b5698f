/** S4: numbers of 64 bits go through the console as they are, although JavaScript's own numbers end at 53. */
import type { AuditRequest } from '../../../src/fleet/messages/requests.ts';
import { ConsoleClient } from '../../support/console-requests.ts';
import { FleetPlace } from '../../support/fleet-place.ts';

const place = new FleetPlace();
const exact = '9007199254740993';

test.each([exact, '9223372036854775807'])(
  'S4: a page of the audit begins behind entry %s',
  async (before) => {
    const face = await place.fleet(['acme']);
    await face.tenants.pause('acme');
    const asked: AuditRequest[] = [];
    const messages: typeof face.messages = {
      ...face.messages,
      audit(request = {}) {
        asked.push(request);
        return face.messages.audit(request);
      },
    };
    const { status, json } = await new ConsoleClient({ ...face, messages }).get(
      `/api/audit?before=${before}`,
    );
    expect([status, json.map(({ act }: { act: string }) => act)]).toEqual([200, ['tenant-pause']]);
    expect(asked).toEqual([{ limit: 100, before }]);
  },
);

test('S4: an entry that no registry can have is refused, and so is what is not a number', async () => {
  const client = new ConsoleClient(await place.fleet([]));
  for (const before of ['9223372036854775808', '10000000000000000000', '-1', '1e3', ''])
    expect([before, (await client.get(`/api/audit?before=${before}`)).status]).toEqual([before, 400]);
});

test('S4: a payload and its headers are shown as they are stored', async () => {
  const face = await place.fleet(['acme']);
  const payload = `{"id":${exact},"amount":0.10000000000000000555}`;
  const message = { topic: 'orders', payload, headers: { 'x-account': exact } };
  const [stored] = await face.outbox('acme').enqueue([message]);
  const shown = await new ConsoleClient(face).post(
    `/api/tenants/acme/messages/outbox/${stored!.messageId}/payload`,
    {},
  );
  expect(shown.json).toMatchObject({ payload, headers: { 'x-account': exact } });
});
