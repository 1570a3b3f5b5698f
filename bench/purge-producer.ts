/**
 * The process of bench/purge.ts that enqueues a message every 20 ms, until its parent ends. It answers each message of
 * its parent with the milliseconds that the enqueues since the last answer took.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { openFleet, topic } from './fleet.ts';
import type { Place } from './place.ts';

export interface ProducerJob {
  readonly place: Pick<Place, 'registry'>;
  readonly tenantId: string;
}

const { place, tenantId } = JSON.parse(process.argv[2]!) as ProducerJob;
const fleet = openFleet(place as Place);
let waits: number[] = [];
process.on('message', () => {
  process.send!(waits);
  waits = [];
});
process.once('disconnect', () => process.exit());
for (;;) {
  const from = performance.now();
  // Not due while the benchmark runs, so that the host stays idle.
  await fleet.outbox(tenantId).enqueue({ topic, payload: {}, delay: '1d' }, { wake: false });
  waits.push(performance.now() - from);
  await delay(20);
}
