import { defineHandler } from 'multi-outbox';

/** Dispatches what the application in C# stored. */
export const orderPlaced = (ship: (tenantId: string, orderId: string) => void) =>
  defineHandler({
    topic: 'order.placed',
    handle: ({ payload }, { tenant }) => ship(tenant.id, JSON.parse(payload).orderId),
  });

export default [orderPlaced((tenantId, orderId) => console.log(`${tenantId} ships ${orderId}`))];
