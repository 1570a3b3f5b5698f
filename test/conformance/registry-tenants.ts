/** F1, F2: the definitions of tenants. */
import { emptyHistogram } from '../../src/engine/histogram.ts';
import type { TenantDefinition, TenantRecord } from '../../src/engine/registry.ts';
import { parkedOutbox, queueState } from '../support/queue-state.ts';
import { clockPasses } from './clock.ts';
import {
  add,
  choose,
  definition,
  duePlan,
  failure,
  ids,
  keyOf,
  noCounts,
  planAll,
  report,
  tenantOf,
} from './registry-entry.ts';
import { anHour } from './run.ts';
import type { Scene } from './scene.ts';

const complete: Partial<TenantDefinition> = {
  server: 'tcp:sql-1.example.net,1433',
  database: 'Kunde Nr. 1 – "Groß"',
  auth: { kind: 'setting', name: 'TENANT_1_CONNECTION' },
  schema: 'messaging',
  priority: -3,
  weight: 2.5,
  slaSeconds: 90,
  tags: { tier: 'gold', ünï: '😀 "quoted"', empty: '' },
  overrides: { batchSize: 7, concurrency: 3, idleCeilingMs: 'never' },
};

export function registryTenantsSuite(scene: Scene): void {
  describe('registry: tenants', () => {
    test('F1: an added tenant is active, due now and without a past', async () => {
      const { registry } = await scene.registry();
      const record = await add(registry, 'acme', complete);
      expect(record).toEqual({
        ...definition('acme', complete),
        status: 'active',
        pausedByOperator: false,
        version: expect.any(Number),
        addedUtc: expect.any(Date),
        schemaVersion: null,
        schedule: {
          nextDueUtc: expect.any(Date),
          lastPlannedUtc: null,
          lastRunUtc: null,
          lastOutcome: null,
          lastDurationMs: null,
          lastCounts: null,
          totals: noCounts,
          longestWaitMs: null,
          longestWaitUtc: null,
          idleStreak: 0,
          failureStreak: 0,
          lastError: null,
          lastErrorCode: null,
          lastErrorUtc: null,
          backlog: false,
          queues: {},
          parkedTopics: [],
          failingTopics: [],
        },
      });
      expect(await registry.get('acme')).toEqual(record);
      expect(ids((await duePlan(registry)).candidates)).toEqual(['acme']);
    });

    test('F1: a plain definition comes back as it was given', async () => {
      const { registry } = await scene.registry();
      await add(registry, 'plain');
      expect(await registry.get('plain')).toMatchObject(definition('plain'));
    });

    test('F1: nobody can change a record, which all callers of a process share', async () => {
      const { registry } = await scene.registry();
      await add(registry, 'acme', complete);
      await report(registry, 'acme', {
        queues: parkedOutbox('unknown'),
        failing: [failure('orders')],
      });
      const record = await tenantOf(registry, 'acme');
      const { auth, tags, overrides, schedule } = record;
      const { totals, lastCounts, parkedTopics, failingTopics, queues } = schedule;
      const states = [queues, queues.outbox, queues.outbox!.parked, queues.outbox!.parked[0]];
      const lists = [parkedTopics, failingTopics, failingTopics[0], ...states];
      expect(lastCounts).not.toBeNull();
      for (const part of [record, auth, tags, overrides, schedule, totals, lastCounts, ...lists]) {
        expect(Object.isFrozen(part)).toBe(true);
      }
    });

    test('F1: an id is unique', async () => {
      const { registry } = await scene.registry();
      const first = await add(registry, 'acme');
      await expect(registry.add(definition('acme', complete), 'elsewhere')).rejects.toMatchObject({
        code: 'TENANT_EXISTS',
      });
      await registry.setStatus('acme', 'paused');
      await expect(add(registry, 'acme')).rejects.toMatchObject({ code: 'TENANT_EXISTS' });
      expect(await registry.get('acme')).toMatchObject({ database: first.database, status: 'paused' });
    });

    test('F1: an id with a blank at its end is another id, which no tenant has', async () => {
      const { registry } = await scene.registry();
      const acme = await add(registry, 'acme');
      const blank = 'acme ';
      expect(await registry.get(blank)).toBeNull();
      await expect(registry.setStatus(blank, 'paused')).rejects.toMatchObject({ code: 'UNKNOWN_TENANT' });
      await registry.recordSchema(blank, 7);
      await report(registry, blank, { outcome: 'failed', failureStreak: 3 });
      await report(registry, blank, { outcome: 'skipped' });
      for (const status of ['active ', 'paused '])
        await expect(registry.setStatus('acme', status as never)).rejects.toThrow();
      await registry.postpone(blank, anHour);
      for (const choose of [undefined, { capacity: 1, redispatchMs: anHour }])
        expect(await registry.wake([blank], choose)).toMatchObject({ tenantIds: [], chosen: [], due: [] });
      const plan = await duePlan(registry);
      const choices = choose(plan.candidates).map((choice) => ({ ...choice, tenantId: blank }));
      expect(await registry.commitPlan({ lease: plan.lease, choices, redispatchMs: anHour })).toEqual([]);
      expect(await registry.get('acme')).toEqual(acme);
    });

    test('F1: two tenants on one physical database are refused; on one database name they are not', async () => {
      const { registry } = await scene.registry();
      const name = { database: 'Sales' };
      await registry.add(definition('a', { ...name, server: 'sql-1' }), 'sql-1/Sales');
      await registry.add(definition('b', { ...name, server: 'sql-2' }), 'sql-2/Sales');
      const same = definition('c', { ...name, server: 'tcp:sql-1' });
      await expect(registry.add(same, 'sql-1/Sales')).rejects.toMatchObject({ code: 'DATABASE_IN_USE' });
      expect(await registry.get('c')).toBeNull();
      await registry.setStatus('a', 'paused');
      await expect(registry.add(same, 'sql-1/Sales')).rejects.toMatchObject({ code: 'DATABASE_IN_USE' });
      await registry.setStatus('a', 'retired');
      expect(await registry.add(same, 'sql-1/Sales')).toMatchObject({ id: 'c', status: 'active' });
    });

    test('F1: a retired tenant comes back by being added, with the new definition, due now', async () => {
      const { registry } = await scene.registry();
      const first = await add(registry, 'acme', { priority: 1 });
      await report(registry, 'acme', { nextDueInMs: null });
      await registry.setStatus('acme', 'retired');
      const again = await registry.add(definition('acme', complete), 'another database');
      expect(again).toMatchObject({ ...complete, id: 'acme', status: 'active' });
      expect(again.version).toBeGreaterThan(first.version);
      expect(ids((await duePlan(registry)).candidates)).toEqual(['acme']);
    });

    test('F1: a retired tenant does not come back onto a database in use', async () => {
      const { registry } = await scene.registry();
      await add(registry, 'acme');
      await registry.setStatus('acme', 'retired');
      await registry.add(definition('heir'), keyOf('acme'));
      await expect(add(registry, 'acme')).rejects.toMatchObject({ code: 'DATABASE_IN_USE' });
      expect(await registry.get('acme')).toMatchObject({ status: 'retired' });
    });

    test('F2: changing replaces the definition and leaves status and schedule', async () => {
      const { registry } = await scene.registry();
      const { schema } = definition('acme', complete);
      const before = await add(registry, 'acme', {
        schema,
        tags: { old: 'yes' },
        overrides: { batchSize: 1 },
      });
      await report(registry, 'acme', { counts: { ...noCounts, done: 3 }, idleStreak: 2 });
      const { schedule } = await tenantOf(registry, 'acme');
      const changed = await registry.change(definition('acme', complete), keyOf('acme'));
      expect(changed).toEqual({
        ...definition('acme', complete),
        status: 'active',
        pausedByOperator: false,
        version: expect.any(Number),
        addedUtc: before.addedUtc,
        schemaVersion: null,
        schedule,
      });
      expect(changed.version).toBeGreaterThan(before.version);
      expect(await registry.get('acme')).toEqual(changed);
      await registry.setStatus('acme', 'paused');
      expect(await registry.change(definition('acme'), keyOf('acme'))).toMatchObject({
        status: 'paused',
        tags: {},
        overrides: {},
        slaSeconds: null,
      });
    });

    test('F1: a change moves a tenant to a database that is free, and frees its old one', async () => {
      const { registry } = await scene.registry();
      await add(registry, 'a');
      await add(registry, 'b');
      await expect(registry.change(definition('a', complete), keyOf('b'))).rejects.toMatchObject({
        code: 'DATABASE_IN_USE',
      });
      expect(await registry.get('a')).toMatchObject(definition('a'));
      await registry.change(definition('a'), 'a new database');
      expect(await registry.add(definition('c'), keyOf('a'))).toMatchObject({ id: 'c' });
    });

    test('F1, S3: a change that expects a version is refused once anybody has changed the tenant since', async () => {
      const { stage, registry } = await scene.registry();
      const seen = await add(registry, 'a');
      const other = scene.anotherHost(stage).openRegistry();
      const theirs = await other.change(
        definition('a', { tags: { region: 'eu' } }),
        keyOf('a'),
        seen.version,
      );
      expect(theirs).toMatchObject({ tags: { region: 'eu' } });
      const mine = definition('a', { priority: 5 });
      const refused = { code: 'TENANT_CHANGED', message: expect.stringMatching(/'a'.*read it again/) };
      await expect(registry.change(mine, keyOf('a'), seen.version)).rejects.toMatchObject(refused);
      await expect(registry.change(mine, 'a new database', 0)).rejects.toMatchObject(refused);
      expect(await registry.get('a')).toEqual(theirs);
      // Nor is the counter of versions moved, or the tenant's old database freed.
      expect(await registry.changesSince(theirs.version)).toMatchObject({
        version: theirs.version,
        tenants: [],
      });
      await expect(registry.add(definition('b'), keyOf('a'))).rejects.toMatchObject({
        code: 'DATABASE_IN_USE',
      });
      // A pause is a change too; plans and reports are none.
      await planAll(registry);
      await report(registry, 'a');
      const changed = await registry.change(mine, keyOf('a'), theirs.version);
      expect(changed).toMatchObject({ priority: 5, tags: {} });
      await other.setStatus('a', 'paused');
      await expect(registry.change(mine, keyOf('a'), changed.version)).rejects.toMatchObject(refused);
      await expect(registry.change(definition('nobody'), 'none', 1)).rejects.toMatchObject({
        code: 'UNKNOWN_TENANT',
      });
    });

    test('F1, S3: of changes at once that expect the same version, one is made', async () => {
      const { stage, registry } = await scene.registry();
      const { version } = await add(registry, 'a');
      const hosts = [registry, scene.anotherHost(stage).openRegistry()];
      const tried = await Promise.allSettled(
        [1, 2, 3, 4].map((priority) =>
          hosts[priority % 2]!.change(definition('a', { priority }), keyOf('a'), version),
        ),
      );
      const made = tried.filter((each) => each.status === 'fulfilled');
      expect(made).toHaveLength(1);
      expect(await registry.get('a')).toEqual(made[0]!.value);
      for (const each of tried)
        if (each.status === 'rejected') expect(each.reason).toMatchObject({ code: 'TENANT_CHANGED' });
    });

    test('F1, S2: what runs reported of the queues of a tenant that is moved goes, and so do late reports of them', async () => {
      const { registry } = await scene.registry();
      await add(registry, 'a');
      const queues = { outbox: queueState({ dead: 1, parked: [{ topic: 'töpic', count: 1 }] }) };
      const state = { queues, failing: [failure('orders')], backlog: true };
      const known = async () => (await tenantOf(registry, 'a')).schedule;
      const none = { queues: {}, failingTopics: [], parkedTopics: [], backlog: false };
      await report(registry, 'a', state);
      await registry.change(definition('a', { priority: 5 }), keyOf('a'));
      expect(await known()).toMatchObject({ queues: { outbox: { dead: 1 } }, backlog: true });
      await registry.change(definition('a', { database: 'new.db' }), 'a new database');
      expect(await known()).toMatchObject(none);
      expect(await registry.fleet()).toMatchObject({ withDead: 0, withFailingTopics: 0, withBacklog: 0 });
      const late = { outbox: queueState({ dead: 1, ageMs: 60_000 }), inbox: queueState({ ageMs: 60_000 }) };
      await report(registry, 'a', { queues: late });
      expect((await known()).queues).toEqual({});
      await clockPasses(registry.leases);
      await report(registry, 'a', state);
      await registry.change(definition('a', { schema: 'other' }), 'a new database');
      expect(await known()).toMatchObject(none);
    });

    test('F1, S2: a run that knew the tenant before it moved can no longer report, and the tenant is due', async () => {
      const { registry } = await scene.registry();
      const { version: tenantVersion } = await add(registry, 'a');
      await planAll(registry);
      const moved = await registry.change(definition('a', { database: 'new.db' }), 'a new database');
      const known = async () => (await tenantOf(registry, 'a')).schedule;
      // The move itself makes it due, although the run is in flight.
      expect(await planAll(registry)).toEqual(['a']);
      await registry.postpone('a', anHour, tenantVersion);
      const { schedule } = await tenantOf(registry, 'a');
      const late = {
        tenantVersion,
        outcome: 'dispatched',
        counts: { ...noCounts, done: 3 },
        times: { wait: emptyHistogram, handle: emptyHistogram },
        queues: { outbox: queueState({ dead: 1 }) },
        failing: [failure('orders')],
        backlog: true,
        continues: { redispatchMs: anHour },
      } as const;
      const answer = { moved: true, chosen: false, woken: false, lastRunUtc: null };
      expect(await report(registry, 'a', late)).toEqual(answer);
      expect(await report(registry, 'a', { ...late, outcome: 'skipped' })).toEqual(answer);
      const { nextDueUtc, ...rest } = await known();
      expect(rest).toEqual({ ...schedule, nextDueUtc: undefined });
      expect(await registry.tenantHistory('a', anHour)).toEqual([]);
      // The run that the late one has kept from the new database follows.
      expect(await planAll(registry)).toEqual(['a']);
      const present = { ...late, tenantVersion: moved.version, continues: undefined };
      expect(await report(registry, 'a', present)).toMatchObject({ moved: false });
      expect(await known()).toMatchObject({ queues: { outbox: { dead: 1 } }, totals: { done: 3 } });
    });

    test('F1, S2: changes that do not move the tenant leave its runs alone', async () => {
      const { registry } = await scene.registry();
      const { version: tenantVersion } = await add(registry, 'a');
      await planAll(registry);
      await registry.change(definition('a', { priority: 5 }), keyOf('a'));
      await registry.setStatus('a', 'paused');
      await registry.setStatus('a', 'active');
      const counts = { ...noCounts, done: 3 };
      expect(await report(registry, 'a', { tenantVersion, counts })).toMatchObject({ moved: false });
      expect((await tenantOf(registry, 'a')).schedule.totals).toEqual(counts);
      await registry.setStatus('a', 'retired');
      await add(registry, 'a');
      expect(await report(registry, 'a', { tenantVersion, counts })).toMatchObject({ moved: true });
      expect(await report(registry, 'unknown', { tenantVersion })).toMatchObject({ moved: false });
    });

    test.each(['change', 'setStatus', 'move'] as const)(
      'F1, S2: a run may report when the counter of versions has restarted below the tenant’s: %s',
      async (how) => {
        const { stage, registry } = await scene.registry();
        await add(registry, 'a');
        await stage.spoilTenant('a', { Version: '9007199000000000', DatabaseVersion: '9007199000000000' });
        const { version: tenantVersion } = await {
          change: () => registry.change(definition('a', { priority: 5 }), keyOf('a')),
          setStatus: () => registry.setStatus('a', 'paused'),
          move: () => registry.change(definition('a', { database: 'new.db' }), 'a new database'),
        }[how]();
        expect(tenantVersion).toBeLessThan(9007199000000000);
        expect(await report(registry, 'a', { tenantVersion })).toMatchObject({ moved: false });
        const before = { tenantVersion: tenantVersion - 1 };
        expect(await report(registry, 'a', before)).toMatchObject({ moved: true });
      },
    );

    test('F3: a run that knew the tenant before it moved postpones no plan', async () => {
      const { registry } = await scene.registry();
      const { version } = await add(registry, 'a');
      await registry.change(definition('a', { database: 'new.db' }), 'a new database');
      await registry.postpone('a', anHour, version);
      expect(await planAll(registry)).toEqual(['a']);
    });

    test('the schema version of a tenant is kept until the tenant is moved, and does not count as a change', async () => {
      const { registry } = await scene.registry();
      const { version } = await add(registry, 'a');
      await registry.recordSchema('a', 3);
      await registry.recordSchema('nobody', 3);
      expect(await tenantOf(registry, 'a')).toMatchObject({ schemaVersion: 3, version });
      await registry.recordSchema('a', 4);
      await registry.change(definition('a', { priority: 5 }), keyOf('a'));
      await registry.setStatus('a', 'paused');
      expect(ids(await registry.list())).toEqual(['a']);
      expect(await registry.list()).toMatchObject([{ schemaVersion: 4 }]);
      expect(await registry.change(definition('a'), 'a new database')).toMatchObject({ schemaVersion: null });
      await registry.recordSchema('a', 4);
      expect(await registry.change(definition('a', { schema: 'other' }), 'a new database')).toMatchObject({
        schemaVersion: null,
      });
      await registry.recordSchema('a', 4);
      await registry.setStatus('a', 'retired');
      expect(await add(registry, 'a')).toMatchObject({ schemaVersion: null });
    });

    test('F1: unknown and retired tenants cannot be changed', async () => {
      const { registry } = await scene.registry();
      await add(registry, 'gone');
      await registry.setStatus('gone', 'retired');
      for (const id of ['gone', 'nobody']) {
        await expect(registry.change(definition(id), keyOf(id))).rejects.toMatchObject({
          code: 'UNKNOWN_TENANT',
          message: expect.stringContaining(id),
        });
      }
      await expect(registry.setStatus('nobody', 'active')).rejects.toMatchObject({ code: 'UNKNOWN_TENANT' });
      await expect(registry.setStatus('gone', 'active')).rejects.toThrow('gone');
      expect(await registry.get('gone')).toMatchObject({ status: 'retired' });
      await expect(registry.get('nobody')).resolves.toBeNull();
    });

    test('F1: a paused tenant is not planned; active again it is due now', async () => {
      const { registry } = await scene.registry();
      await add(registry, 'acme');
      expect(await registry.setStatus('acme', 'paused')).toMatchObject({ status: 'paused' });
      expect(await planAll(registry)).toEqual([]);
      await report(registry, 'acme', { nextDueInMs: null });
      await clockPasses(registry.leases);
      const { schedule } = await registry.setStatus('acme', 'active');
      expect(schedule.nextDueUtc).toBeInstanceOf(Date);
      expect(await planAll(registry)).toEqual(['acme']);
    });

    test('F2: an operator’s pause outlasts the directory’s retiring and adding, and its resuming; an operator ends it', async () => {
      const { registry } = await scene.registry();
      await add(registry, 'acme');
      expect(await registry.setStatus('acme', 'paused')).toMatchObject({ pausedByOperator: true });
      const { version } = await tenantOf(registry, 'acme');
      const kept = { status: 'paused', pausedByOperator: true, version };
      expect(await registry.setStatus('acme', 'active', 'directory')).toMatchObject(kept);
      expect(await registry.setStatus('acme', 'paused', 'directory')).toMatchObject(kept);
      expect((await registry.changesSince(version)).tenants).toEqual([]);
      await registry.setStatus('acme', 'retired', 'directory');
      const again = await registry.add(definition('acme', complete), 'another database', 'directory');
      expect(again).toMatchObject({ ...complete, status: 'paused', pausedByOperator: true });
      expect(await planAll(registry)).toEqual([]);
      expect(await registry.change(definition('acme'), keyOf('acme'))).toMatchObject({ status: 'paused' });
      const resumed = await registry.setStatus('acme', 'active');
      expect(resumed).toMatchObject({ status: 'active', pausedByOperator: false });
      expect(await planAll(registry)).toEqual(['acme']);
      await registry.setStatus('acme', 'retired', 'directory');
      const free = await registry.add(definition('acme'), keyOf('acme'), 'directory');
      expect(free).toMatchObject({ status: 'active', pausedByOperator: false });
    });

    test('F2: a directory resumes a tenant that it has paused itself, unless an operator has paused it since', async () => {
      const { registry } = await scene.registry();
      await add(registry, 'acme');
      expect(await registry.setStatus('acme', 'paused', 'directory')).toMatchObject({
        status: 'paused',
        pausedByOperator: false,
      });
      expect(await registry.setStatus('acme', 'active', 'directory')).toMatchObject({ status: 'active' });
      const before = await registry.setStatus('acme', 'paused', 'directory');
      const paused = await registry.setStatus('acme', 'paused');
      expect(paused).toMatchObject({ status: 'paused', pausedByOperator: true });
      // Hosts and directories learn of it.
      expect(paused.version).toBeGreaterThan(before.version);
      expect(await registry.setStatus('acme', 'active', 'directory')).toMatchObject({ status: 'paused' });
    });

    test('F2: an operator who removes a paused tenant and adds it again ends its pause', async () => {
      const { registry } = await scene.registry();
      await add(registry, 'acme');
      await registry.setStatus('acme', 'paused');
      await registry.setStatus('acme', 'retired');
      expect(await add(registry, 'acme')).toMatchObject({ status: 'active', pausedByOperator: false });
    });

    test('F2: the list is by id, page after page, of one status or of all', async () => {
      const { registry } = await scene.registry();
      const names = ['10', '9', 'a', 'a-b', 'a.b', 'a_b', 'ab', 'b1', 'b10', 'b2'];
      for (const name of [...names].reverse()) await add(registry, name);
      const all = ids(await registry.list());
      expect([...all].sort()).toEqual([...names].sort());
      expect(all.filter((id) => /^[a-z0-9]+$/.test(id))).toEqual(['10', '9', 'a', 'ab', 'b1', 'b10', 'b2']);
      for (const limit of [1, 3, 10]) {
        const paged: string[] = [];
        while (paged.length <= names.length) {
          const after = paged.at(-1);
          const page: TenantRecord[] = await registry.list({
            limit,
            ...(after === undefined ? {} : { after }),
          });
          expect(page.length).toBeLessThanOrEqual(limit);
          if (page.length === 0) break;
          paged.push(...ids(page));
        }
        expect(paged).toEqual(all);
      }
      await registry.setStatus('9', 'paused');
      await registry.setStatus('ab', 'retired');
      expect(ids(await registry.list({ status: 'paused' }))).toEqual(['9']);
      expect(ids(await registry.list({ status: 'retired' }))).toEqual(['ab']);
      expect(ids(await registry.list({ status: 'active' }))).toEqual(
        all.filter((id) => id !== '9' && id !== 'ab'),
      );
      expect(ids(await registry.list({ status: 'active', after: 'b1', limit: 1 }))).toEqual(['b10']);
    });

    test('F2: a read of changes since a version returns only those of definitions and statuses', async () => {
      const { registry } = await scene.registry();
      const start = await registry.changesSince(null);
      expect(start.tenants).toEqual([]);
      await add(registry, 'a');
      await add(registry, 'b');
      const added = await registry.changesSince(start.version);
      expect(ids(added.tenants).sort()).toEqual(['a', 'b']);
      expect(added.version).toBeGreaterThan(start.version);
      expect(await registry.changesSince(null)).toEqual({
        version: added.version,
        tenants: [],
        isWhole: false,
      });

      await planAll(registry);
      await registry.wake(['a']);
      await report(registry, 'a', { nextDueInMs: anHour, backlog: true });
      expect(await registry.changesSince(added.version)).toEqual({
        version: added.version,
        tenants: [],
        isWhole: false,
      });

      await registry.change(definition('a', complete), keyOf('a'));
      const changed = await registry.changesSince(added.version);
      expect(changed).toEqual({
        version: changed.version,
        tenants: [await registry.get('a')],
        isWhole: false,
      });
      expect(changed.version).toBeGreaterThan(added.version);

      await registry.setStatus('b', 'retired');
      const retired = await registry.changesSince(changed.version);
      expect(retired.tenants).toMatchObject([{ id: 'b', status: 'retired' }]);
      expect(ids((await registry.changesSince(start.version)).tenants).sort()).toEqual(['a', 'b']);
    });

    test('F2: another host sees the same tenants', async () => {
      const { stage, registry } = await scene.registry();
      await add(registry, 'acme', complete);
      const other = scene.anotherHost(stage).openRegistry();
      expect(await other.list()).toEqual(await registry.list());
      await other.setStatus('acme', 'paused');
      expect(await registry.get('acme')).toMatchObject({ status: 'paused' });
    });
  });
}
