/** The checks of `health/ready`, for the local host and for the function app. They show only error codes. */
import { isList, isMultiOutboxError, propertyOf } from '../errors.ts';
import type { MultiOutbox } from '../multi-outbox-interface.ts';

export interface Check {
  readonly ok: boolean;
  /** The code of the error that made it fail, if there is one. */
  readonly code?: string;
}

export interface Readiness {
  /** `ok` if every check is. */
  readonly status: 'ok' | 'failed';
  /** By name: `handlers`, `registry`, `instance` (not stopping), and those that the caller added. */
  readonly checks: Readonly<Record<string, Check>>;
}

/**
 * Whether this process has handlers, can use the registry, and is not about to end. Never throws.
 * @param stopping fires when the process begins to stop
 * @param others further checks, which must be ok as well
 */
export async function readiness(
  multiOutbox: Pick<MultiOutbox, 'handlers' | 'registrySchema'>,
  stopping: AbortSignal | undefined,
  others: Readiness['checks'] = {},
): Promise<Readiness> {
  const handlers = propertyOf(multiOutbox, 'handlers');
  const checks = {
    ...readChecks(others),
    handlers: { ok: isList(handlers) && handlers.length > 0 },
    registry: await registryCheck(multiOutbox),
    instance: { ok: propertyOf(stopping, 'aborted') !== true },
  };
  return { status: Object.values(checks).every(({ ok }) => ok) ? 'ok' : 'failed', checks };
}

/** A check that cannot be read has failed. */
function readChecks(others: Readiness['checks']): Record<string, Check> {
  try {
    return Object.fromEntries(
      Object.entries(others ?? {}).map(([name, check]) => [
        name,
        { ...(typeof check === 'object' && check), ok: propertyOf(check, 'ok') === true },
      ]),
    );
  } catch {
    return { others: { ok: false, code: 'UNKNOWN' } };
  }
}

/**
 * A schema is ready if this release can use it, even if the versions differ: during an upgrade the fleet has hosts of
 * two releases.
 */
async function registryCheck(multiOutbox: Pick<MultiOutbox, 'registrySchema'>): Promise<Check> {
  try {
    const { version, oldestUsable } = await multiOutbox.registrySchema();
    if (version >= oldestUsable) return { ok: true };
    return { ok: false, code: version === 0 ? 'SCHEMA_MISSING' : 'SCHEMA_OUTDATED' };
  } catch (error) {
    return { ok: false, code: isMultiOutboxError(error) ? error.code : 'UNKNOWN' };
  }
}
