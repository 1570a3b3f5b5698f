/** The producers' process: one message a second for each tenant, until its parent ends. bench/flood.ts starts it. */
import { openFleet, topic } from './fleet.ts';
import type { Place } from './place.ts';

export interface ProducersJob {
  readonly place: Pick<Place, 'registry'>;
  readonly tenants: readonly string[];
}

const { place, tenants } = JSON.parse(process.argv[2]!) as ProducersJob;
const fleet = openFleet(place as Place, { databases: { maxOpen: tenants.length } });
for (const [index, id] of tenants.entries()) {
  const enqueue = () => void fleet.outbox(id).enqueue({ topic, payload: { at: Date.now() } });
  // The producers' first messages are spread evenly over the second, so that the producers are not a flood themselves.
  setTimeout(() => setInterval(enqueue, 1_000), (index * 1_000) / tenants.length);
}
process.once('disconnect', () => process.exit());
