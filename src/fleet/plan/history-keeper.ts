import type { Registry } from '../../engine/registry.ts';
import { describeError } from '../../errors.ts';
import type { Logger } from '../../telemetry/logger.ts';

/**
 * Writes the fleet's minute to the history after the fleet's first plan of a minute, and removes old rows, also while the
 * history is off. A failure costs a minute of the history and no plan.
 */
export async function keepHistory(
  registry: Registry,
  { record, logger }: { readonly record: boolean; readonly logger: Logger },
): Promise<void> {
  try {
    await registry.keepHistory({ record });
  } catch (error) {
    logger.warn('The minute could not be written to the history.', { error: describeError(error) });
  }
}
