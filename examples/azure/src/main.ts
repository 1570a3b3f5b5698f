/** The entry file of the app: the functions of multi-outbox with this app's handler, and a function of its own. */
import { app } from '@azure/functions';
import { isMultiOutboxError } from 'multi-outbox';
import { registerFunctions } from 'multi-outbox/functions';
import { invoiceCreate, topic } from './invoices.ts';

const { multiOutbox } = registerFunctions({
  // This is a function, so that a missing BILLING_URL does not stop the start: the log and health/ready report it.
  handlers: () => [invoiceCreate(billingUrl(process.env.BILLING_URL))],
});

function billingUrl(text = ''): URL {
  if (!URL.canParse(text)) throw new Error('Set BILLING_URL to the address of the billing service.');
  return new URL(text);
}

app.http('orders', {
  methods: ['POST'],
  authLevel: 'function',
  route: 'orders/{tenantId}',
  async handler(request) {
    // An application that has a database of its own writes its order and the message in one transaction instead.
    const payload = await request.json();
    try {
      const { messageId } = await multiOutbox().outbox(request.params.tenantId!).enqueue({ topic, payload });
      return { status: 202, jsonBody: { messageId } };
    } catch (error) {
      if (isMultiOutboxError(error, 'UNKNOWN_TENANT')) return { status: 404 };
      throw error;
    }
  },
});
