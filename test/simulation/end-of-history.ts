/** How a history ends: everything has come to its end, then the fleet is idle, then it closes. */
import type { Host } from './actors/member.ts';
import type { Fleet } from './fleet.ts';
import { Violation } from './violation.ts';
import type { World } from './world.ts';

export interface EndOptions {
  /** Milliseconds in which every message must end once nothing goes wrong any more. */
  readonly healingMs: number;
  /** Milliseconds for which the fleet is idle. */
  readonly idleMs: number;
  /** Milliseconds in which a process without work closes. */
  readonly closeMs: number;
}

export async function checkEnd(
  world: World,
  fleet: Fleet,
  { idleMs, closeMs }: Omit<EndOptions, 'healingMs'>,
): Promise<void> {
  await world.checkTables();
  await world.time.runUntil(world.time.now + idleMs, () => world.violation !== undefined);
  await world.checkRegistry();
  const hosts = fleet.hosts.filter(({ process }) => !process.isDead);
  fleet.end();
  const closing = hosts.map(async (host) => {
    await host.stop();
    return host;
  });
  const closed = new Set<Host>();
  for (const each of closing) void each.then((host) => closed.add(host));
  await world.time.runUntil(world.time.now + closeMs, () => closed.size === hosts.length);
  world.checked(() => {
    for (const host of hosts) {
      if (!closed.has(host)) {
        throw new Violation('D5 close', `${host.process.name} has not closed after ${closeMs} ms`);
      }
      checkClosed(host, world.ownsAllTimers);
    }
    return '';
  });
  await world.checkLeases(new Set(hosts.map(({ process }) => process.name)));
}

function checkClosed({ process }: Host, ownsAllTimers: boolean): void {
  if (process.owned.size > 0)
    throw new Violation('F8 given back', `${process.name} left ${process.owned.size} connections open`);
  if (ownsAllTimers && process.timers.size > 0) {
    throw new Violation(
      'D5 close',
      `${process.name} left timers: ${[...process.timers.values()].join(', ')}`,
    );
  }
}
