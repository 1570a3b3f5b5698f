/** S4: the doctor checks the registry and at most ten tenants for each request, and changes nothing. */
import { ConsoleClient } from '../../support/console-requests.ts';
import { FleetPlace } from '../../support/fleet-place.ts';

const place = new FleetPlace();

test('S4: the doctor checks the databases that are named, and no others', async () => {
  const client = new ConsoleClient(await place.fleet(['acme', 'globex', 'initech']));
  place.connection('tenants/globex.db').exec('DROP TABLE Outbox');
  const checked = async (query: string) =>
    (await client.get(`/api/doctor${query}`)).json.map(
      ({ tenantId, findings }: { tenantId: string | null; findings: { severity: string }[] }) => [
        tenantId,
        findings.some(({ severity }) => severity === 'problem'),
      ],
    );
  expect(await checked('')).toEqual([[null, false]]);
  expect(await checked('?ids=acme,globex')).toEqual([
    [null, false],
    ['acme', false],
    ['globex', true],
  ]);
});

test('S4: a request names at most ten tenants of the doctor', async () => {
  const client = new ConsoleClient(await place.fleet([]));
  const ids = Array.from({ length: 11 }, (_, number) => `t${number}`);
  expect((await client.get(`/api/doctor?ids=${ids.join(',')}`)).status).toBe(400);
  expect((await client.get('/api/doctor?ids=')).status).toBe(400);
  const unknown = await client.get(`/api/doctor?ids=${ids.slice(1).join(',')}`);
  expect(unknown).toMatchObject({ status: 404, json: { error: { code: 'UNKNOWN_TENANT' } } });
});
