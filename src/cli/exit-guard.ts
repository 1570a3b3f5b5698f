/**
 * Detects that the process ends while dispatch runs are in flight, for example because a handler called
 * process.exit. The guard prints an error and turns exit code 0 into 1. No message is lost: a later run recovers
 * those in flight once the lease has expired (Q6).
 */
import { writeSync } from 'node:fs';
import { counted } from './output/text.ts';

export interface ExitGuard {
  /** Ids of the tenants whose runs are in flight. */
  readonly inFlight: ReadonlySet<string>;
  started(tenantId: string): void;
  ended(tenantId: string): void;
  disarm(): void;
}

export function guardExit(options: { json: boolean }): ExitGuard {
  const inFlight = new Set<string>();
  const onExit = () => {
    if (inFlight.size === 0) return;
    const some = [...inFlight].slice(0, 5).join(', ');
    const message =
      `A handler or a signal ended the process with ${counted(inFlight.size, 'dispatch run')} in flight (${some}${inFlight.size > 5 ? ', …' : ''}). ` +
      'Their messages are dispatched again once the leases have expired.';
    writeSync(
      2,
      options.json
        ? `${JSON.stringify({ error: { code: 'ENDED_IN_FLIGHT', message } })}\n`
        : `error: ${message}\n`,
    );
    process.exitCode ||= 1;
  };
  process.on('exit', onExit);
  return {
    inFlight,
    started: (tenantId) => inFlight.add(tenantId),
    ended: (tenantId) => inFlight.delete(tenantId),
    disarm: () => process.off('exit', onExit),
  };
}
