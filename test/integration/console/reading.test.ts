/** S4: a GET changes nothing, whichever it is; and what reads many databases is bounded. */
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { readAssets } from '../../../src/console/assets.ts';
import { routeTable } from '../../../src/console/routes.ts';
import { defineHandler, PermanentError } from '../../../src/queue/handler.ts';
import { ConsoleClient } from '../../support/console-requests.ts';
import { FleetPlace } from '../../support/fleet-place.ts';

const place = new FleetPlace();
const routes = routeTable(readAssets(), '').filter(({ method }) => method === 'GET');

/** A hash of the contents of every table. A checkpoint may change the files without that. */
function contentsOf(file: string): string {
  const database = new DatabaseSync(file, { readOnly: true, timeout: 5_000 });
  try {
    const tables = database
      .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
      .all();
    const hash = createHash('sha256');
    for (const { name } of tables)
      hash.update(JSON.stringify([name, database.prepare(`SELECT * FROM "${name}"`).all()]));
    return hash.digest('hex');
  } finally {
    database.close();
  }
}

/** What differs between tenants and kinds of requests; other routes are asked once. */
const queries: Readonly<Record<string, readonly string[]>> = {
  'tenants.list': ['', '?sort=dead&desc=true', '?q=is:dead'],
  'tenants.activity': ['?ids=acme,globex'],
  'messages.list': ['', '?state=dead', '?topic=invoices&errorText=refused'],
  'errors.list': ['', '?queue=inbox'],
  'doctor.check': ['', '?ids=acme,globex'],
  'pulse.history': ['', '?span=7d'],
};

test('S4: no GET changes a database', async () => {
  const failing = defineHandler({
    topic: 'invoices',
    handle() {
      throw new PermanentError('refused');
    },
  });
  const face = await place.fleet(['acme', 'globex'], { handlers: [failing] });
  await face.outbox('acme').enqueue([
    { topic: 'invoices', payload: '1' },
    { topic: 'parked', payload: '2' },
  ]);
  await face.leases('globex').acquire('report', { durationMs: '1h' });
  await face.tick();
  const { messages } = await face.messages.list({ tenantId: 'acme', filter: { states: ['dead'] } });
  const { operation } = await face.operations.create({
    act: 'replay',
    filter: { topic: 'invoices' },
    tenants: ['acme'],
  });
  const named: Readonly<Record<string, string>> = {
    queue: 'outbox',
    message: messages[0]!.messageId,
    operation: operation.id,
    asset: readAssets().script,
  };
  const files = [
    'registry.db',
    ...readdirSync(place.file('tenants'))
      .filter((file) => file.endsWith('.db'))
      .map((file) => `tenants/${file}`),
  ];
  expect(files).toHaveLength(3);
  const contents = () => Object.fromEntries(files.map((file) => [file, contentsOf(place.file(file))]));
  const before = contents();
  const client = new ConsoleClient(face);
  for (const { name, path } of routes)
    for (const tenant of path.includes(':tenant') ? ['acme', 'globex'] : ['acme'])
      for (const query of queries[name] ?? ['']) {
        const address = path.replace(/:([a-z]+)/g, (_, part: string) =>
          part === 'tenant' ? tenant : named[part]!,
        );
        const { status } = await client.get(`${address}${query}`);
        // The message is acme's.
        const isNone = name === 'messages.show' && tenant === 'globex';
        expect([`${address}${query}`, status]).toEqual([`${address}${query}`, isNone ? 404 : 200]);
      }
  expect(contents()).toEqual(before);
});
