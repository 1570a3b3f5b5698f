/** S4: every route of the console asks for its right, before anything else of the request is used. */
import { readAssets } from '../../../src/console/assets.ts';
import { roleOf } from '../../../src/console/hosted/entra-access.ts';
import { type Asked, type Right, rights } from '../../../src/console/rights.ts';
import type { Route } from '../../../src/console/route.ts';
import { routeTable } from '../../../src/console/routes.ts';
import type { MultiOutbox } from '../../../src/multi-outbox.ts';
import { defineHandler, PermanentError } from '../../../src/queue/handler.ts';
import { ConsoleClient } from '../../support/console-requests.ts';
import { documentTable } from '../../support/document-table.ts';
import { FleetPlace } from '../../support/fleet-place.ts';

const place = new FleetPlace();
const failing = defineHandler({
  topic: 'invoices',
  handle() {
    throw new PermanentError('refused');
  },
});
const routes = routeTable(readAssets(), '');

const named: Readonly<Record<string, string>> = {
  tenant: 'acme',
  queue: 'outbox',
  message: '00000000-0000-4000-8000-000000000001',
  operation: '00000000-0000-4000-8000-000000000002',
  asset: readAssets().script,
};
const pathOf = ({ path }: Route) => path.replace(/:([a-z]+)/g, (_, name: string) => named[name]!);

/** A multi-outbox that fails when anything of it is used. The console may look whether it is one. */
const untouchable = new Proxy({} as MultiOutbox, {
  get(_target, name) {
    const fail = () => {
      throw new Error(`'${String(name)}' was used without the right`);
    };
    return ['status', 'worst', 'history'].includes(String(name)) ? fail : fail();
  },
});

test.each(routes.map((route) => [`${route.method} ${route.path}`, route] as const))(
  'S4: %s is refused without its right, and touches nothing',
  async (_, route) => {
    for (const missing of rights) {
      const asked: Asked[] = [];
      const client = new ConsoleClient(untouchable, {
        authorize: (_request, ask) => {
          asked.push(ask);
          return ask.right === missing ? false : { actor: 'tester' };
        },
      });
      const sent =
        route.method === 'GET' ? await client.get(pathOf(route)) : await client.post(pathOf(route), {});
      const tenantId = route.path.includes(':tenant') ? 'acme' : null;
      const wanted = route.rights.map((right) => ({ right, route: route.name, tenantId }));
      const refusedAt = route.rights.indexOf(missing);
      expect(asked.slice(0, wanted.length)).toEqual(
        refusedAt === -1 ? wanted : wanted.slice(0, refusedAt + 1),
      );
      // With the rights, the parameters are checked, or the library is used.
      expect([missing, sent.status === 403]).toEqual([missing, route.rights.includes(missing)]);
      if (sent.status === 403) expect(sent.json.error.code).toBe('FORBIDDEN');
    }
  },
);

test('S4: acts are posts, and no GET needs more than to look, but to see a payload', () => {
  const reading: readonly Right[] = ['look', 'payload'];
  expect(
    routes.filter(
      ({ method, rights }) => method === 'GET' && !rights.every((right) => reading.includes(right)),
    ),
  ).toEqual([]);
  expect(
    routes
      .filter(({ method, rights }) => method === 'POST' && rights.includes('look'))
      .map(({ name }) => name),
  ).toEqual([]);
});

const words = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map(([, word]) => word!);

test('S4: the tables of rights in docs/console.md are those of the code', () => {
  const table = (...headings: string[]) => documentTable('docs/console.md', ...headings);
  expect(table('right', 'for').map(([right]) => words(right!)[0])).toEqual([...rights]);
  const documented = table('routes', 'rights').flatMap(([names, needed]) =>
    words(names!).map((name) => [name, words(needed!)] as const),
  );
  const needed = routes
    .filter((route) => route.rights.join() !== 'look')
    .map((route) => [route.name, [...route.rights]] as const);
  expect(documented).toHaveLength(needed.length);
  expect(Object.fromEntries(documented)).toEqual(Object.fromEntries(needed));
  expect(table('app role', 'right').map(([role, right]) => [words(role!), words(right!)])).toEqual(
    rights.map((right) => [[roleOf(right)], [right]]),
  );
});

/** Parameters that name tenants outside the path, by route; the walk fails for a route that takes them and is not here. */
const naming: Readonly<Record<string, (ids: readonly string[]) => string | object>> = {
  'tenants.activity': (ids) => `?ids=${ids.join(',')}`,
  'operations.create-on-tenants': (tenants) => ({ act: 'pause', tenants }),
  'operations.create-configuring': (tenants) => ({ overrides: { batchSize: 5 }, tenants }),
  'doctor.check': (ids) => `?ids=${ids.join(',')}`,
  'audit.list': ([id]) => `?tenant=${id}`,
  'operations.create': (tenants) => ({ act: 'replay', queue: 'outbox', filter: { topic: 'a' }, tenants }),
  'operations.create-destructive': (tenants) => ({
    act: 'discard',
    queue: 'outbox',
    filter: { topic: 'a' },
    tenants,
  }),
};

test('S4: the callback is asked for every tenant that a query or a body names', async () => {
  const takers = routes.filter(({ parameters }) =>
    ['tenant', 'tenants', 'ids'].some((name) => name in parameters.entries),
  );
  expect(takers.map(({ name }) => name).sort()).toEqual(Object.keys(naming).sort());
  for (const route of takers) {
    const asked: (string | null)[] = [];
    const client = new ConsoleClient(untouchable, {
      authorize: (_request, { tenantId }) => {
        asked.push(tenantId);
        return tenantId === 'globex' ? false : { actor: 'tester' };
      },
    });
    const given = naming[route.name]!(['globex', 'acme']);
    const sent =
      typeof given === 'string'
        ? await client.get(`${pathOf(route)}${given}`)
        : await client.post(pathOf(route), given);
    expect([route.name, sent.status, asked]).toEqual([route.name, 403, [null, 'globex']]);
  }
});

test('S4: an operation on all that match asks for each tenant that it finds, and so does whoever runs it', async () => {
  const face = await place.fleet(['acme', 'globex'], { handlers: [failing] });
  for (const id of ['acme', 'globex']) await face.outbox(id).enqueue({ topic: 'invoices', payload: '1' });
  await face.tick();
  const request = { act: 'replay', queue: 'outbox', filter: { topic: 'invoices' } };
  const onlyAcme = new ConsoleClient(face, {
    authorize: (_request, { tenantId }) =>
      tenantId === null || tenantId === 'acme' ? { actor: 'kim' } : false,
  });
  expect((await onlyAcme.post('/api/operations', request)).status).toBe(403);
  expect((await onlyAcme.post('/api/operations', { ...request, q: 'acme' })).status).toBe(200);
  const { operation } = (await new ConsoleClient(face).post('/api/operations', request)).json;
  expect((await face.operations.get(operation.id)).tenants).toEqual(['acme', 'globex']);
  expect((await onlyAcme.post(`/api/operations/${operation.id}/run`, {})).status).toBe(403);
  expect((await onlyAcme.post(`/api/operations/${operation.id}/stop`, {})).status).toBe(403);
});

test('S4: whoever runs an operation on every tenant is asked for each that is not retired', async () => {
  const face = await place.fleet(['acme', 'globex', 'initech']);
  place.connection('registry.db').exec("UPDATE Tenants SET Status = 'retired' WHERE Id = 'initech'");
  const { operation } = await face.operations.create({ act: 'replay', filter: { topic: 'a' } });
  expect(operation.tenants).toBeNull();
  for (const verb of ['run', 'stop']) {
    const asked: (string | null)[] = [];
    const onlyAcme = new ConsoleClient(face, {
      authorize: (_request, { tenantId }) => {
        asked.push(tenantId);
        return tenantId === null || tenantId === 'acme' ? { actor: 'kim' } : false;
      },
    });
    expect((await onlyAcme.post(`/api/operations/${operation.id}/${verb}`, {})).status).toBe(403);
    expect(asked).toEqual([null, 'acme', 'globex']);
  }
  const everywhere: (string | null)[] = [];
  const client = new ConsoleClient(face, {
    authorize: (_request, { tenantId }) => {
      everywhere.push(tenantId);
      return { actor: 'kim' };
    },
  });
  expect((await client.post(`/api/operations/${operation.id}/stop`, {})).status).toBe(200);
  expect(everywhere).toEqual([null, 'acme', 'globex']);
});

test('every route has a name of its own, and no two match the same request', () => {
  const names = routes.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  const addresses = routes.map(({ method, path }) => `${method} ${path.replace(/:[a-z]+/g, ':')}`);
  expect(new Set(addresses).size).toBe(addresses.length);
});

test('S4: an address that does not exist is refused like one that does', async () => {
  const denied = new ConsoleClient(untouchable, { authorize: () => false });
  const [one, other] = [await denied.get('/api/nothing'), await denied.get('/api/tenants')];
  expect(one.status).toBe(403);
  expect(one.text).toBe(other.text);
  expect((await new ConsoleClient(untouchable).get('/api/nothing')).status).toBe(404);
});

test('S4: no part of the console answers a stranger, its script and style included', async () => {
  const login = new Response('log in', { status: 401 });
  const strangers = new ConsoleClient(untouchable, { authorize: () => login.clone() as Response });
  for (const route of routes.filter(({ method }) => method === 'GET'))
    expect(await strangers.get(pathOf(route))).toMatchObject({ status: 401, text: 'log in' });
});

test('S4: an error of the callback refuses the request', async () => {
  const failing = new ConsoleClient(untouchable, {
    authorize() {
      throw new Error('the directory of users is down: password hunter2');
    },
  });
  const sent = await failing.get('/api/tenants');
  expect(sent).toMatchObject({ status: 500, json: { error: { code: 'INTERNAL' } } });
  expect(sent.text).not.toContain('hunter2');
});

test('S4: the session says which rights the operator has', async () => {
  const face = await place.fleet([]);
  const allowed: readonly Right[] = ['look', 'act'];
  const client = new ConsoleClient(face, {
    authorize: (_request, { right }) => (allowed.includes(right) ? { actor: 'kim' } : false),
  });
  expect((await client.get('/api/session')).json).toMatchObject({ actor: 'kim', rights: ['look', 'act'] });
});

test('S4: without a callback there is no console', () => {
  expect(() => new ConsoleClient(untouchable, { authorize: undefined as never })).toThrow(
    /'authorize' must be a function/,
  );
});
