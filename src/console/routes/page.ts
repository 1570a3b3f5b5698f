import { Refusal } from '../answer.ts';
import { type Assets, documentOf } from '../assets.ts';
import { pageRouteName } from '../page-route.ts';
import { type Route, route } from '../route.ts';

/** The addresses of the pages. All have the same document; its script shows what the address says. */
export const pagePaths = [
  '/',
  '/tenants',
  '/tenants/:tenant',
  '/tenants/:tenant/messages/:queue',
  '/tenants/:tenant/messages/:queue/:message',
  '/errors',
  '/topics',
  '/plans',
  '/leases',
  '/tenants/:tenant/leases',
  '/doctor',
  '/about',
  '/operations',
  '/operations/:operation',
  '/audit',
] as const;

export function pageRoutes(assets: Assets, basePath: string): readonly Route[] {
  const document = documentOf(assets, basePath);
  return [
    ...pagePaths.map((path) =>
      route({
        name: pageRouteName(path),
        method: 'GET',
        path,
        kind: 'page',
        rights: ['look'],
        touches: 'nothing',
        handle: () => ({ body: document, type: 'text/html', cache: 'unchanged' }),
      }),
    ),
    route({
      name: 'asset.show',
      method: 'GET',
      path: '/assets/:asset',
      kind: 'asset',
      rights: ['look'],
      touches: 'nothing',
      handle(_context, { asset }) {
        const file = assets.files.get(asset);
        if (file === undefined) throw new Refusal(404, 'NOT_FOUND', 'There is no such file.');
        return { ...file, cache: 'forever' };
      },
    }),
  ];
}
