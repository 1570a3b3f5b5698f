/** S4: every route of the console asks for its right, before anything else of the request is used. */
import { readAssets } from '../../../src/console/assets.ts';
import { type Asked, type Right, rights } from '../../../src/console/rights.ts';
import type { Route } from '../../../src/console/route.ts';
import { routeTable } from '../../../src/console/routes.ts';
import type { MultiOutbox } from '../../../src/multi-outbox.ts';
import { ConsoleClient } from '../../support/console-requests.ts';
import { FleetPlace } from '../../support/fleet-place.ts';

const place = new FleetPlace();
const routes = routeTable(readAssets(), '');

const named: Readonly<Record<string, string>> = {
  tenant: 'acme',
  queue: 'outbox',
  message: '00000000-0000-4000-8000-000000000001',
  operation: '00000000-0000-4000-8000-000000000002',
  fingerprint: '0123456789ab',
  asset: readAssets().script,
};
const pathOf = ({ path }: Route) => path.replace(/:([a-z]+)/g, (_, name: string) => named[name]!);

/** A multi-outbox that fails when anything of it is used. */
const untouchable = new Proxy({} as MultiOutbox, {
  get(_target, name) {
    throw new Error(`'${String(name)}' was used without the right`);
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
      expect(asked[0]).toEqual({
        right: route.right,
        route: route.name,
        tenantId: route.path.includes(':tenant') ? 'acme' : null,
      });
      // With the right, the parameters are checked, or the library is used.
      expect([missing, sent.status === 403]).toEqual([missing, missing === route.right]);
      if (sent.status === 403) expect(sent.json.error.code).toBe('FORBIDDEN');
    }
  },
);

test('S4: acts are posts, and no GET needs more than to look, but to see a payload', () => {
  const reading: readonly Right[] = ['look', 'payload'];
  expect(routes.filter(({ method, right }) => method === 'GET' && !reading.includes(right))).toEqual([]);
  expect(
    routes.filter(({ method, right }) => method === 'POST' && right === 'look').map(({ name }) => name),
  ).toEqual([]);
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
