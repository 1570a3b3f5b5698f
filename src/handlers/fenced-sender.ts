import { hostResolver, type ResolveHost } from '../host-resolver.ts';
import { HostLookups } from './host-lookups.ts';
import { noFence, nonPublicRange } from './public-address.ts';
import { type SendWebhook, webhookSender } from './webhook-request.ts';

/** Sends webhooks, to public addresses only or to all. */
export function fencedSender(
  resolve: ResolveHost = hostResolver(),
  allowPrivateAddresses: boolean,
): SendWebhook {
  return webhookSender(new HostLookups(resolve), allowPrivateAddresses ? noFence : nonPublicRange);
}
