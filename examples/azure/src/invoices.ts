/** The handler of the topic `invoice.create`: asks the billing service for an invoice. */
import { defineHandler, PermanentError, Snooze } from 'multi-outbox';
import * as v from 'valibot';

export const topic = 'invoice.create';

/** @param billing the address of the billing service */
export function invoiceCreate(billing: URL) {
  return defineHandler({
    topic,
    schema: v.object({ orderId: v.string(), cents: v.number() }),
    async handle({ data }, { idempotencyKey, signal }) {
      const response = await fetch(new URL('invoices', billing), {
        method: 'POST',
        // The key is the same at every attempt, so the service can recognise a repetition.
        headers: { 'content-type': 'application/json', 'idempotency-key': idempotencyKey },
        body: JSON.stringify(data),
        signal,
      });
      await response.body?.cancel();
      if (response.status === 422) throw new PermanentError('Billing refuses this order.');
      if (response.status === 503) throw new Snooze(60_000, 'billing is closed');
      if (!response.ok) throw new Error(`Billing answered ${response.status}.`);
    },
  });
}
