/**
 * HTTP trigger: stores a webhook in a tenant's inbox (I1). It answers after the commit, so that the sender repeats a
 * request that was not stored.
 */
import { types } from 'node:util';
import { app } from '@azure/functions';
import {
  errorName,
  errorText,
  type InboxMessage,
  isMultiOutboxError,
  type Settings,
  type WebhookRequest,
  type WebhookSource,
} from '../src/index.ts';
import type { CurrentApp } from './app.ts';
import { textBody } from './http/body.ts';
import { answering } from './http/problem.ts';
import { HttpRefusal } from './http/refusal.ts';
import { toDispatch } from './queues.ts';
import { sendingFrom } from './send-woken.ts';

export function registerReceive(currentApp: CurrentApp): void {
  app.http('receive', {
    methods: ['POST'],
    // Senders have no function key; the signature proves who they are.
    authLevel: 'anonymous',
    route: 'receive/{tenantId}/{source}',
    extraOutputs: [toDispatch],
    handler: answering(async (request, context) => {
      const { settings, sources } = currentApp();
      const { tenantId, source: name } = request.params as { tenantId: string; source: string };
      const source = sources.byName.get(name);
      if ('error' in sources || source?.unusable) {
        throw new HttpRefusal(503, 'Not available', 'This source is not available now. Try again later.');
      }
      if (source === undefined)
        throw new HttpRefusal(404, 'Unknown source', 'This app has no source of that name. Check the URL.');
      const body = await textBody(request, settings.functions.maxBodyBytes);
      const message = await verified(
        source,
        { tenantId, headers: request.headers, body },
        settings.telemetry,
      );
      const received = await sendingFrom(context, currentApp)
        .inbox(tenantId)
        .receive({ ...message, source: name });
      // A conflict is stored too, so it also gets 2xx: on any other status the sender would repeat the request.
      return { status: received.status === 'accepted' ? 202 : 200, jsonBody: received };
    }),
  });
}

/** @throws an Error for the log without the text of the source's error, which may quote the body, unless the settings say so */
async function verified(
  source: WebhookSource,
  request: WebhookRequest,
  { handlerErrorText }: Settings['telemetry'],
): Promise<Omit<InboxMessage, 'source'>> {
  try {
    return await source.verify(request);
  } catch (error) {
    if (isSignatureRefused(error)) throw new HttpRefusal(401, 'Signature refused', errorText(error));
    if (isMultiOutboxError(error)) throw error;
    const shown = handlerErrorText ? errorText(error) : errorName(error);
    throw new Error(`The source '${source.name}' failed: ${shown}.`);
  }
}

/** Recognises the error by its name, because a source may throw the class of another copy of the library. */
function isSignatureRefused(error: unknown): boolean {
  try {
    return types.isNativeError(error) && error.name === 'SignatureRefused';
  } catch {
    return false; // A source may throw anything, such as an error whose name cannot be read.
  }
}
