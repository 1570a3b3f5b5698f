/** Messages as many applications would send them: with and without ordering keys, at once or later, some failing. */
import type { Effects } from './effects.ts';
import type { Fleet } from './fleet.ts';
import type { Random } from './random.ts';

export interface Workload {
  /** Messages for each tenant. */
  readonly size: number;
  /** Share of messages that the receiver refuses at first; 0.1 when absent. */
  readonly refused?: number;
  /** `webhook.post` when absent. */
  readonly topic?: string;
}

const keys = ['k-1', 'k-2', 'k-3'];

/** Sends one wave of messages to every tenant. */
export async function sendWave(
  fleet: Fleet,
  effects: Effects,
  random: Random,
  { size, refused = 0.1, topic = 'webhook.post' }: Workload,
): Promise<void> {
  for (const tenantId of fleet.tenantIds) {
    const messages = Array.from({ length: size }, () => ({
      topic,
      payload: {
        url: effects.url,
        body: { refusals: random.chance(refused) ? random.between(1, 2) : 0 },
      },
      ...(random.chance(0.35) && { orderingKey: random.pick(keys) }),
      ...(random.chance(0.15) && { delay: random.between(1, 300) }),
    }));
    await fleet.send(tenantId, messages);
  }
}
