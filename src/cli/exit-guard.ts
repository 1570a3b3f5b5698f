/**
 * A handler that calls process.exit, or anything else that ends the process while dispatch runs are in flight,
 * must not pass for success: the guard says so and turns exit code 0 into 1. The messages are safe: a later run
 * recovers them once the lease has run out (Q6).
 */
import { writeSync } from 'node:fs';
import { counted } from './output/text.ts';

export interface ExitGuard {
  /** Tenants whose runs are in flight. */
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
      `The process was ended with ${counted(inFlight.size, 'dispatch run')} in flight (${some}${inFlight.size > 5 ? ', …' : ''}), ` +
      'by a handler or by a signal; their messages are dispatched again once the leases have run out.';
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
