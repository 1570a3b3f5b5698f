import packageJson from '../../../package.json' with { type: 'json' };
import { json } from '../answer.ts';
import { type Right, rights } from '../rights.ts';
import { type Route, route } from '../route.ts';

/** What the page needs to know about whoever looks at it. */
export interface Session {
  readonly actor: string;
  readonly rights: readonly Right[];
  readonly version: string;
}

export const sessionRoutes: readonly Route[] = [
  route({
    name: 'session.show',
    method: 'GET',
    path: '/api/session',
    rights: ['look'],
    touches: 'nothing',
    async handle({ operator, may }) {
      const asked = await Promise.all(rights.map(async (right) => ((await may(right)) ? [right] : [])));
      const session: Session = { actor: operator.actor, rights: asked.flat(), version: packageJson.version };
      return json(session);
    },
  }),
];
