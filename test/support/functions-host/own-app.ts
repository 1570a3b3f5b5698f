/** An app as a user of `multi-outbox/functions` writes it, with everything of its own. */
import { appendFileSync, readFileSync } from 'node:fs';
import { app } from '@azure/functions';
import { registerFunctions } from '../../../functions/index.ts';
import {
  type DirectoryTenant,
  defineHandler,
  defineInboxHandler,
  SignatureRefused,
} from '../../../src/index.ts';

const { OWN_APP_EFFECTS: effects = '', OWN_APP_TENANTS: tenants = '' } = process.env;
const effect = (text: string) => appendFileSync(effects, `${text}\n`);

const { multiOutbox } = registerFunctions({
  handlers: ({ dispatch }) => [
    defineHandler({
      topic: 'own.note',
      handle: ({ payload }, { tenant }) =>
        effect(`${tenant.id} ${payload} in batches of ${dispatch.batchSize}`),
    }),
    defineInboxHandler({
      topic: 'own.hook',
      handle: ({ payload, source }, { tenant }) => effect(`${tenant.id} ${payload} from ${source}`),
    }),
  ],
  sources: [
    {
      name: 'own',
      verify({ headers, body }) {
        if (headers.get('x-own') !== 'yes') throw new SignatureRefused('It is not ours.');
        return { messageId: body, topic: 'own.hook', payload: body };
      },
    },
    {
      name: 'other-copy',
      verify() {
        throw new (class SignatureRefused extends Error {
          override readonly name = 'SignatureRefused';
        })('Refused by another copy of the library.');
      },
    },
    { name: 'parsing', verify: ({ body }) => JSON.parse(body) },
    {
      name: 'unreadable',
      verify: () => ({ messageId: '1', topic: 'own.hook', payload: '' }),
      get unusable(): never {
        throw new Error('cannot be read');
      },
    },
  ],
  // Chooses one tenant in each plan, the first in the alphabet.
  strategy: {
    name: 'alphabet',
    choose: (candidates) => [...candidates].sort((a, b) => (a.tenant.id < b.tenant.id ? -1 : 1)).slice(0, 1),
  },
  tenants: {
    name: 'customers',
    read: () => JSON.parse(readFileSync(tenants, 'utf8')) as DirectoryTenant[],
  },
  functions: { schedule: '0 */3 * * * *', maxBodyBytes: 2_000 },
  dispatch: { batchSize: 7 },
});

app.http('own-statistics', {
  methods: ['GET'],
  route: 'own/{tenantId}',
  handler: async ({ params }) => ({ jsonBody: await multiOutbox().outbox(params.tenantId!).statistics() }),
});
