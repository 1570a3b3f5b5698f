/** `ui` and `run --ui`: the console in the browser of this computer. */
import { InvalidArgumentError } from 'commander';
import type { LocalConsole } from '../console/local/serve.ts';
import { type Right, rights } from '../console/rights.ts';
import type { MultiOutbox } from '../multi-outbox.ts';
import { wholeNumber } from './arguments.ts';
import { operatorName, type Session } from './session.ts';

/** 0: a free one. */
export const portArgument = wholeNumber(0, 65_535);

/** The description of an option that takes rights. */
export const allowDescription = `what the browser may do besides looking, with commas between: ${rights.slice(1).join(', ')}`;

export function rightsArgument(text: string): Right[] {
  const given = text.split(',').map((word) => word.trim());
  const unknown = given.find((word) => !rights.some((right) => right === word));
  if (unknown !== undefined)
    throw new InvalidArgumentError(`Give some of ${rights.join(', ')}, with commas between.`);
  return rights.filter((right) => right === 'look' || given.includes(right));
}

interface Served {
  readonly port: number;
  readonly allow: readonly Right[];
  /** Fires when the process begins to stop. */
  readonly signal: AbortSignal;
}

/**
 * Serves the console, and prints its address on standard output: the address lets whoever has it in, so the log does not get it.
 * @throws MultiOutboxError INVALID_CONFIGURATION when it cannot listen
 */
export async function serveConsole(
  session: Session,
  multiOutbox: MultiOutbox,
  { port, allow, signal }: Served,
): Promise<LocalConsole> {
  const { serveLocalConsole } = await import('../console/local/serve.ts');
  const served = await serveLocalConsole(multiOutbox, {
    port,
    rights: allow,
    actor: operatorName(),
    settings: session.given,
    signal,
    logger: session.logger,
  });
  await session.show({ url: served.url, rights: allow }, () =>
    [
      `Open ${served.url}`,
      `The address works once. The browser may ${allow.join(', ')}; press Ctrl+C to stop.`,
    ].join('\n'),
  );
  return served;
}
