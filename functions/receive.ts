/** HTTP: takes a webhook into a tenant's inbox (I1). Answers only after the commit: what is not stored is sent again. */
import { app } from '@azure/functions';
import {
  type InboxMessage,
  SignatureRefused,
  type WebhookRequest,
  type WebhookSource,
} from '../src/index.ts';
import type { CurrentApp } from './app.ts';
import { textBody } from './http/body.ts';
import { answering, HttpRefusal } from './http/problem.ts';

export function registerReceive(currentApp: CurrentApp): void {
  app.http('receive', {
    methods: ['POST'],
    // Senders have no function key; the signature proves who they are.
    authLevel: 'anonymous',
    route: 'receive/{tenantId}/{source}',
    handler: answering(async (request) => {
      const { multiOutbox, settings, sources } = currentApp();
      const { tenantId, source: name } = request.params as { tenantId: string; source: string };
      const source = sources.byName.get(name);
      if ('error' in sources || source?.unusable) {
        throw new HttpRefusal(503, 'Not available', 'This source cannot be used for now.');
      }
      if (source === undefined) throw new HttpRefusal(404, 'Unknown source', 'There is no such source here.');
      const body = await textBody(request, settings.functions.maxBodyBytes);
      const message = await verified(source, { tenantId, headers: request.headers, body });
      const received = await multiOutbox.inbox(tenantId).receive({ ...message, source: name });
      // A conflict is stored as well: to a sender all but 2xx says that it is not, and to send it again.
      return { status: received.status === 'accepted' ? 202 : 200, jsonBody: received };
    }),
  });
}

async function verified(
  source: WebhookSource,
  request: WebhookRequest,
): Promise<Omit<InboxMessage, 'source'>> {
  try {
    return await source.verify(request);
  } catch (error) {
    if (error instanceof SignatureRefused) throw new HttpRefusal(401, 'Signature refused', error.message);
    throw error;
  }
}
