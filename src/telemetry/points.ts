import { channel } from 'node:diagnostics_channel';

/**
 * Named points of a plan, a dispatch run and a wake, published on the diagnostics channel `multi-outbox:point`. External
 * profilers and fault-injection tools can subscribe; without a subscriber a point costs one property read.
 */
export type PointName =
  | 'plan:begun'
  | 'plan:committed'
  | 'wake:before'
  | 'wake:after'
  | 'run:claimed'
  | 'handler:start'
  | 'commit:before'
  | 'commit:after'
  | 'settle:before'
  | 'settle:after'
  | 'renew:before'
  | 'renew:after';

export interface PointMessage {
  readonly point: PointName;
  readonly tenantId: string | null;
}

const points = channel('multi-outbox:point');

export function publishPoint(point: PointName, tenantId: string | null): void {
  if (points.hasSubscribers) points.publish({ point, tenantId } satisfies PointMessage);
}
