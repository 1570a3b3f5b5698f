/** Wakes whose requests this invocation sends to the dispatch queue (F7). */
import type { InvocationContext } from '@azure/functions';
import type { WakingCalls } from '../src/index.ts';
import type { CurrentApp } from './app.ts';
import { send, toDispatch } from './queues.ts';

/**
 * The host sends the requests when the invocation has succeeded. If it does not, the tenants are due again after the
 * redispatch time, as after a plan whose requests were lost. The function needs the output `toDispatch`.
 */
export function sendingFrom(context: InvocationContext, currentApp: CurrentApp): WakingCalls {
  return currentApp().multiOutbox.sending((request) => send(context, toDispatch, [request]));
}
