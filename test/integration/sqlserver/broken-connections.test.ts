/**
 * D8, Q6, Q8: connections that break in the middle of a run's and a plan's calls, and servers that go away and come
 * back, all through a proxy, and sessions that the server kills. In every case no message is lost, none is repeated
 * that was not in flight, the other tenants are not affected, and the running host recovers without help.
 * Needs a server; see test/support/sqlserver.ts.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import * as mssql from 'mssql';
import { parseConnectionString } from '../../../src/engine/sqlserver/connection-string.ts';
import { createSqlServerEngine } from '../../../src/engine/sqlserver/index.ts';
import { parseServer } from '../../../src/engine/sqlserver/server-name.ts';
import type { WorkQueue } from '../../../src/engine/work-queue.ts';
import { createMultiOutbox, defineHandler, type MultiOutbox, type RunReport } from '../../../src/index.ts';
import { describeOnServer, serverConnectionString, serverVariable } from '../../support/sqlserver.ts';
import { TestDatabases, tenantAddress, tenantsSetting, without } from '../../support/sqlserver-databases.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';
import { until } from '../../support/until.ts';

const deadlineMs = 90_000;
const concurrency = 4;
const proxiedSetting = 'TEST_PROXIED_TENANTS';
/** The tenant that is reached through a proxy. */
const concerned = 'concerned';
const others = ['other-1', 'other-2'];
const everybody = [concerned, ...others];

/** A host that runs, its tenants, and what its handlers did. */
class World {
  readonly databases: TestDatabases;
  readonly reports: RunReport[] = [];
  /** Effects by message id. */
  readonly effects = new Map<string, number>();
  readonly sent = new Map<string, string>();
  readonly #names = new Map<string, string>();
  /** Connections of their own, which the test never breaks. */
  readonly #queues = new Map<string, WorkQueue>();
  readonly #cleanUp: (() => Promise<unknown>)[] = [];
  tenantProxy!: TcpProxy;
  registryProxy!: TcpProxy;
  face!: MultiOutbox;

  constructor(databases: TestDatabases) {
    this.databases = databases;
  }

  async start(): Promise<void> {
    const { databases } = this;
    const { host, port } = parseServer(parseConnectionString(databases.connectionString)!.server!)!;
    this.tenantProxy = await TcpProxy.start({ host, port });
    this.registryProxy = await TcpProxy.start({ host, port });
    this.#cleanUp.push(
      () => this.tenantProxy.close(),
      () => this.registryProxy.close(),
    );
    // The proxies look for procedures' names, which they could not read if they were encrypted.
    const plain = without(databases.connectionString, /^(server|data source|encrypt)$/i);
    const through = (proxy: TcpProxy) => `Server=127.0.0.1,${proxy.port};${plain};Encrypt=false`;
    process.env[tenantsSetting] = databases.connectionString;
    process.env[proxiedSetting] = through(this.tenantProxy);
    const direct = createSqlServerEngine({ registry: databases.registryUrl('master') });
    this.#cleanUp.push(() => direct.close());
    const registry = await this.#take('registry');
    this.face = createMultiOutbox({
      registry: `mssql:${through(this.registryProxy)};Database=${registry}`,
      handlers: [this.#handler()],
      dispatch: { leaseMs: 8_000, batchSize: 8, concurrency, graceMs: 200, parallelRuns: 4 },
      plan: { intervalMs: 50, redispatchMs: 1_000 },
      schedule: {
        idleFloorMs: 50,
        idleCeilingMs: 200,
        failureCeilingMs: 500,
      },
      // A call on a new connection takes some servers two seconds, because it compiles the procedure.
      sqlserver: { requestTimeoutMs: 6_000, connectTimeoutMs: 6_000 },
    });
    for (const id of everybody) {
      const database = await this.#take('tenant');
      this.#names.set(id, database);
      this.#queues.set(id, direct.openTenant(tenantAddress(database)).queue('outbox'));
      const name = id === concerned ? proxiedSetting : tenantsSetting;
      await this.face.tenants.add({ id, database, auth: { kind: 'setting', name } });
    }
    const stop = new AbortController();
    const running = this.face.run({
      signal: stop.signal,
      onRun: ({ report }) => report && this.reports.push(report),
    });
    this.#cleanUp.push(
      () => this.face.close(),
      async () => {
        stop.abort();
        await running;
      },
    );
  }

  async end(): Promise<void> {
    for (const step of this.#cleanUp.reverse()) await step();
  }

  async send(tenantId: string, count: number, slow = 0): Promise<void> {
    const messages = Array.from({ length: count }, (_, index) => ({
      messageId: randomUUID() as string,
      topic: 'work',
      payload: index < slow ? 'slow' : 'quick',
      ...(index % 3 === 0 && { orderingKey: `k-${index % 2}` }),
    }));
    await this.#queues.get(tenantId)!.enqueue(messages);
    for (const { messageId } of messages) this.sent.set(messageId, tenantId);
  }

  outstanding(tenantIds: readonly string[] = everybody): number {
    const due = [...this.sent].filter(([, tenantId]) => tenantIds.includes(tenantId));
    return due.filter(([messageId]) => !this.effects.has(messageId)).length;
  }

  /** Enqueues for every tenant again and again until `over`, so that every call is made. */
  async keepBusy(what: string, over: () => boolean | Promise<boolean>): Promise<void> {
    await until(
      what,
      async () => {
        for (const id of others) if (this.outstanding([id]) < 4) await this.send(id, 12);
        // When slow handlers take all slots, the lease is renewed meanwhile.
        if (this.outstanding([concerned]) < 4) await this.send(concerned, 12, concurrency);
        return over();
      },
      deadlineMs,
    );
  }

  /** Compares stored rows with effects, and checks which tenants noticed the breakage. */
  async expectWellEnded(options: { othersMayFail?: boolean } = {}): Promise<void> {
    await until('everything is dispatched', async () => this.outstanding() === 0, deadlineMs);
    for (const id of everybody) {
      const count = [...this.sent.values()].filter((tenantId) => tenantId === id).length;
      await until(
        `the books of ${id} balance`,
        async () => {
          const { ready, claimed, dead, done } = await this.#queues.get(id)!.statistics();
          expect(dead).toBe(0);
          return ready === 0 && claimed === 0 && done === count;
        },
        deadlineMs,
      );
    }
    expect([...this.effects.keys()].filter((id) => !this.sent.has(id))).toEqual([]);
    const duplicates = [...this.effects.values()].reduce((sum, count) => sum + count - 1, 0);
    const sumOf = (of: (report: RunReport) => number) =>
      this.reports.reduce((sum, report) => sum + of(report), 0);
    // The run that lost its lease reports its messages in flight, or else the run that recovered them.
    const inFlight = sumOf(({ counts }) => counts.recovered + counts.lost + counts.released);
    expect(duplicates).toBeLessThanOrEqual(inFlight);
    // A report whose answer was lost is sent again, and counts once (D7). A run ends after its report is stored.
    for (const id of everybody) {
      await until(
        `the totals of ${id} have only what its runs report`,
        async () => {
          const { totals } = (await this.face.tenants.get(id)).schedule;
          return totals.done <= sumOf(({ tenantId, counts }) => (tenantId === id ? counts.done : 0));
        },
        deadlineMs,
      );
    }
    if (options.othersMayFail === true) return;
    const ofOthers = this.reports.filter(({ tenantId }) => tenantId !== concerned);
    expect(ofOthers.filter(({ outcome }) => outcome === 'failed')).toEqual([]);
    expect(ofOthers.reduce((sum, { counts }) => sum + counts.lost + counts.recovered, 0)).toBe(0);
    for (const [id, tenantId] of this.sent) {
      if (tenantId !== concerned) expect(this.effects.get(id)).toBe(1);
    }
  }

  /** Ends the sessions that this process has in a tenant's database; returns how many. */
  async killSessions(tenantId: string): Promise<number> {
    const master = await this.databases.pool('master');
    const { recordset } = await new mssql.Request(master)
      .input('pid', process.pid)
      .input('database', this.#names.get(tenantId)!)
      .query<{ session_id: number }>(
        `SELECT session_id FROM sys.dm_exec_sessions
         WHERE host_process_id = @pid AND DB_NAME(database_id) = @database`,
      );
    for (const { session_id } of recordset) {
      // A session that has ended meanwhile cannot be killed.
      await new mssql.Request(master).batch(`KILL ${session_id}`).catch(() => {});
    }
    return recordset.length;
  }

  async #take(kind: 'registry' | 'tenant'): Promise<string> {
    const name = await this.databases.take(kind);
    this.#cleanUp.push(() => this.databases.giveBack(name));
    return name;
  }

  #handler() {
    return defineHandler({
      topic: 'work',
      handle: async ({ messageId, payload }, { signal }) => {
        this.effects.set(messageId, (this.effects.get(messageId) ?? 0) + 1);
        if (payload === 'slow') await pause(4_000, undefined, { signal });
      },
    });
  }
}

describeOnServer(`broken connections of SQL Server (${serverVariable})`, () => {
  const databases = new TestDatabases(serverConnectionString);
  let world: World;
  beforeEach(async () => {
    world = new World(databases);
    await world.start();
  }, 120_000);
  afterEach(() => world.end(), 60_000);
  afterAll(() => databases.dispose(), 60_000);

  const breakages = [
    ['cut', 'request'],
    ['cut', 'answer'],
    ['stall', 'request'],
    ['half-open', 'answer'],
  ] as const;
  // A renewal is a settle that only keeps the lease.
  const runCalls = ['Outbox_Begin', 'renew-lease', 'Outbox_SettleAndClaim'];
  const planCalls = ['Plan_Begin', 'Plan_Commit', 'Tenant_Report'];

  test.each(breakages)(
    'Q6, Q8, D8: a tenant’s connection %s at the %s of claims, settles and renewals',
    async (how, when) => {
      let left = runCalls.length;
      for (const call of runCalls) void world.tenantProxy.strike(call, how, when).then(() => left--);
      await world.keepBusy('every call has been struck', () => left === 0);
      await world.expectWellEnded();
    },
    240_000,
  );

  test.each(breakages)(
    'F3, D7: the registry’s connection %s at the %s of plans, commits and reports',
    async (how, when) => {
      let left = planCalls.length;
      for (const call of planCalls) void world.registryProxy.strike(call, how, when).then(() => left--);
      await world.keepBusy('every call has been struck', () => left === 0);
      await world.expectWellEnded();
    },
    240_000,
  );

  test('D8: while one tenant’s server hangs, the others are dispatched; it resumes when the server does', async () => {
    await world.send(concerned, 12);
    await until('it is at work', async () => world.outstanding() < 12, deadlineMs);
    world.tenantProxy.stall();
    await world.send(concerned, 12);
    for (let wave = 0; wave < 3; wave++) {
      for (const id of others) await world.send(id, 12);
      await until('the others are served', async () => world.outstanding(others) === 0, deadlineMs);
    }
    expect(world.outstanding([concerned])).toBeGreaterThan(0);
    world.tenantProxy.resume();
    await world.expectWellEnded();
  }, 240_000);

  test('D8, F5: a tenant’s server is restarted in the middle of its work', async () => {
    for (let round = 0; round < 3; round++) {
      await world.send(concerned, 24);
      await until('it is at work', async () => world.outstanding() < 24, deadlineMs);
      world.tenantProxy.down();
      const failures = () =>
        world.reports.filter(({ tenantId, outcome }) => tenantId === concerned && outcome === 'failed')
          .length;
      const before = failures();
      await world.send(concerned, 4);
      for (const id of others) await world.send(id, 12);
      await until('the run fails', async () => failures() > before, deadlineMs);
      await until('the others are served', async () => world.outstanding(others) === 0, deadlineMs);
      world.tenantProxy.up();
      await until('it is served again', async () => world.outstanding() === 0, deadlineMs);
    }
    await world.expectWellEnded();
  }, 240_000);

  test('F3, D8: the registry’s server is restarted: plans go on by themselves', async () => {
    for (let round = 0; round < 3; round++) {
      for (const id of everybody) await world.send(id, 12);
      await until('they are at work', async () => world.outstanding() < 30, deadlineMs);
      world.registryProxy.down();
      await expect(world.face.status()).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' });
      for (const id of everybody) await world.send(id, 12);
      world.registryProxy.up();
      await until('all are served again', async () => world.outstanding() === 0, deadlineMs);
    }
    await world.expectWellEnded();
  }, 240_000);

  test('Q8, D8: the server kills a tenant’s sessions, again and again', async () => {
    let killed = 0;
    await world.keepBusy('sessions have been killed', async () => {
      killed += await world.killSessions(concerned);
      return killed >= 20;
    });
    await world.expectWellEnded();
  }, 240_000);
});
