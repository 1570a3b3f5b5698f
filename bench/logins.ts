/**
 * Counts the logins of ticks over idle tenants that are all on one server. The server is on loopback and only answers,
 * so the ticks show the cost of connecting without the time of a real database.
 */
import { createMultiOutbox } from '../src/index.ts';
import { TdsServer } from '../test/support/tds-server.ts';
import { assertCount } from './benchmark.ts';
import { noop, tenantNames } from './fleet.ts';
import { timed } from './timing.ts';

const setting = 'BENCH_LOGINS';

export interface LoginCosts {
  /** The logins of each tick after the first, which logs in once for each tenant. */
  readonly logins: readonly number[];
  readonly ms: readonly number[];
  readonly cpuMs: readonly number[];
}

export async function countLogins(tenants: number, ticks: number): Promise<LoginCosts> {
  await using server = await TdsServer.startIdle();
  process.env[setting] = `Server=127.0.0.1,${server.port};User Id=bench;Password=bench;Encrypt=false`;
  const ids = tenantNames(tenants);
  await using fleet = createMultiOutbox({
    tenants: ids.map((id) => ({ id, database: id, auth: { kind: 'setting', name: setting } })),
    handlers: [noop],
  });
  const costs = { logins: [] as number[], ms: [] as number[], cpuMs: [] as number[] };
  for (let tick = 0; tick <= ticks; tick++) {
    await fleet.wake(ids);
    const before = server.logins;
    let idle = 0;
    const { ms, cpuMs } = await timed(async () => {
      const { runs } = await fleet.tick();
      idle = runs.filter(({ outcome }) => outcome === 'idle').length;
    });
    assertCount('tenants looked at', idle, tenants);
    const logins = server.logins - before;
    if (tick === 0) assertCount('logins of the first tick', logins, tenants);
    else {
      costs.logins.push(logins);
      costs.ms.push(ms);
      costs.cpuMs.push(cpuMs);
    }
  }
  return costs;
}
