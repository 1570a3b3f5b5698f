import type { Registry } from '../../engine/registry.ts';
import { describeError } from '../../errors.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { recordWakes } from '../../telemetry/metrics.ts';

const pageSize = 1_000;

/**
 * A new release may handle topics that an earlier one parked (D4). So a process wakes, before its first plan, the tenants
 * that have parked messages of its topics by the registry's last reports; their runs take the messages at once. Reports
 * name no queue and no source, so the messages may belong to handlers that this process lacks; then the run is idle.
 */
export class ParkedTenants {
  readonly #topics: ReadonlySet<string>;
  readonly #logger: Logger;
  #isDone = false;

  /** @param topics the topics that this process handles */
  constructor(topics: readonly string[], logger: Logger) {
    this.#topics = new Set(topics.map((topic) => topic.toLowerCase()));
    this.#logger = logger;
  }

  /** Wakes the tenants, once in the life of the process. Never throws: after a failure the next plan tries again. */
  async wakeOnce(registry: Registry): Promise<void> {
    if (this.#isDone || this.#topics.size === 0) return;
    this.#isDone = true;
    try {
      let after = '';
      for (;;) {
        const page = await registry.list({ status: 'active', parked: true, after, limit: pageSize });
        const mine = page.filter(({ schedule }) =>
          schedule.parkedTopics.some((topic) => this.#topics.has(topic.toLowerCase())),
        );
        if (mine.length > 0) recordWakes((await registry.wake(mine.map(({ id }) => id))).tenantIds);
        if (page.length < pageSize) return;
        after = page.at(-1)!.id;
      }
    } catch (error) {
      this.#isDone = false;
      this.#logger.warn('Tenants with parked messages could not be woken; the next plan tries again.', {
        error: describeError(error),
      });
    }
  }
}
