/** A process with a multi-outbox: a host, an instance of the function app, an application or an operator's shell. */
import type { Directory } from '../../../src/fleet/tenants/directory-listing.ts';
import { assembleMultiOutbox, type MultiOutbox } from '../../../src/multi-outbox.ts';
import type { Settings } from '../../../src/settings.ts';
import type { Logger } from '../../../src/telemetry/logger.ts';
import { SimulatedProcess } from '../machine/process.ts';
import { simulatedEngine } from '../seam/engine.ts';
import type { World } from '../world.ts';
import { simulatedHandlers, type Topic } from './handlers.ts';

export interface Member {
  readonly process: SimulatedProcess;
  readonly multiOutbox: MultiOutbox;
}

/** A process that dispatches. */
export interface Host {
  readonly name: string;
  readonly process: SimulatedProcess;
  readonly handled: readonly Topic[];
  /** Stops gracefully (D5). Resolves when the process has closed; never, if it dies. */
  stop(): Promise<void>;
}

export interface MemberOptions {
  /** The topics that it handles. Default: it has no handlers. */
  readonly handled?: readonly Topic[];
  /** The registry follows it. Default: only operators add and change tenants. */
  readonly directory?: Directory | undefined;
  /** Default: the settings of the history. */
  readonly settings?: Settings | undefined;
}

export function startMember(
  world: World,
  name: string,
  { handled, directory, settings = world.settings }: MemberOptions = {},
): Member {
  const process = new SimulatedProcess(name);
  const outbox = (tenantId: string) => multiOutbox.outbox(tenantId);
  const multiOutbox: MultiOutbox = process.run(() =>
    assembleMultiOutbox(
      {
        owner: name,
        logger: journalLogger(world, process),
        ...(handled && { handlers: simulatedHandlers({ world, process, handled, outbox }) }),
        ...(directory && { tenants: directory }),
      },
      settings,
      { engine: simulatedEngine(world, process), random: Math.random },
    ),
  );
  return { process, multiOutbox };
}

/** Writes warnings and errors to the log of the history, without fields that depend on the machine. */
function journalLogger(world: World, process: SimulatedProcess): Logger {
  const note = (message: string, fields: Record<string, unknown> = {}) => {
    told(message, fields);
    if (!process.isDead) world.journal.note(process.name, `log: ${message}`);
  };
  // It says so each time, and then wakes the tenant though nothing may be committed yet.
  const told = (message: string, { tenantId }: Record<string, unknown> = {}) => {
    if (message.includes('cannot notice the commits')) world.wakes.stores(process, tenantId as string);
  };
  const logger: Logger = { debug: told, info() {}, warn: note, error: note, child: () => logger };
  return logger;
}
