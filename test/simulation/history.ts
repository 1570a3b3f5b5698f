/**
 * One history: a fleet works while things go wrong, then nothing goes wrong any more and everything must come to an end,
 * then the fleet is idle, then it closes. The seed decides all of it.
 */
import type { TenantInput } from '../../src/fleet/tenants/definition.ts';
import { checkEnd, type EndOptions } from './end-of-history.ts';
import { Fleet } from './fleet.ts';
import { copyTemplates } from './templates.ts';
import type { Violation } from './violation.ts';
import { World, type WorldOptions } from './world.ts';

export interface History {
  readonly seed: number;
  readonly violation: Violation | undefined;
  /** The log's hash. */
  readonly hash: string;
  /** The last lines of the log. */
  readonly last: readonly string[];
  readonly faults: number;
  readonly messages: number;
  readonly events: number;
  /** Milliseconds of virtual time. */
  readonly simulatedMs: number;
}

const end: EndOptions = { healingMs: 120_000, idleMs: 15_000, closeMs: 10_000 };
/** More events than any history needs: code that goes on for ever without letting time pass. */
const mostEvents = 200_000;

export interface Phases extends EndOptions {
  /** Milliseconds for which things go wrong. */
  readonly troubledMs: number;
}

export async function runHistory(options: WorldOptions): Promise<History> {
  const world = new World(options);
  const { stackTraceLimit } = Error;
  // Nearly all errors of a history are meant to happen, and to capture where costs more than to throw them.
  if (options.print === undefined) Error.stackTraceLimit = 0;
  try {
    const { random } = world;
    const count = random.between(1, 5);
    const tenants = await copyTemplates(world, world.isCrowded ? Math.max(4, count) : count);
    await liveThrough(world, tenants, { ...end, troubledMs: random.pick([20_000, 40_000, 70_000]) });
    return summaryOf(world);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
    world.close();
  }
}

export function summaryOf(world: World): History {
  const { seed, violation, journal, faults, time } = world;
  return {
    seed,
    violation,
    hash: journal.hash,
    last: journal.last,
    faults: faults.struck,
    messages: world.tenants.reduce((sum, { queues }) => sum + queues.outbox.count + queues.inbox.count, 0),
    events: time.events,
    simulatedMs: time.now,
  };
}

export async function liveThrough(
  world: World,
  tenants: readonly TenantInput[],
  { troubledMs, healingMs, ...end }: Phases,
): Promise<void> {
  const { time } = world;
  const fleet = new Fleet(world, tenants, troubledMs);
  const isBroken = () => {
    if (time.events > mostEvents) world.broken('no livelock', `${mostEvents} events are not the end`);
    return world.violation !== undefined;
  };
  await time.runUntil(troubledMs, isBroken);
  if (!isBroken()) await world.checkRegistry();
  fleet.heal();
  const latest = time.now + healingMs;
  // Messages may be stored in the meantime: by transactions that are open, and by handlers.
  do await time.runUntil(time.now + 1_000, isBroken);
  while (!isBroken() && time.now < latest && (await world.isBusy()));
  if (!isBroken()) await checkEnd(world, fleet, end);
}
