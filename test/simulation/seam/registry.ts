import type { Registry } from '../../../src/engine/registry.ts';
import { travelMs } from '../end-checks.ts';
import type { RegistryModel } from '../models/registry-model.ts';
import type { Watched } from './engine.ts';
import { watchedLeases } from './engine.ts';

type Counts = ReturnType<RegistryModel['counts']>;

/** The registry, as a simulated process sees it. */
export function watchedRegistry(watched: Watched, real: Registry): Registry {
  const { world, process, caller } = watched;
  const model = world.registry;
  const target = 'registry';
  const redefined = <T>(tenantId: string, perform: () => T): T => {
    const tenant = world.knownTenant(tenantId);
    if (tenant !== undefined) tenant.isRedefined = true;
    return perform();
  };
  return {
    leases: watchedLeases(watched, target, real.leases),
    schema: real.schema,
    audit: real.audit,
    operations: real.operations,
    add: (definition, databaseKey, by) =>
      caller.call({
        target,
        name: `add ${definition.id}`,
        perform: () => redefined(definition.id, () => real.add(definition, databaseKey, by)),
        observe() {
          model.added(definition.id);
          return '';
        },
      }),
    change: (definition, databaseKey, expectedVersion) =>
      caller.call({
        target,
        name: `change ${definition.id}`,
        perform: () => redefined(definition.id, () => real.change(definition, databaseKey, expectedVersion)),
      }),
    setStatus: (tenantId, status, by) =>
      caller.call({
        target,
        name: `set ${tenantId} ${status}`,
        perform: () => redefined(tenantId, () => real.setStatus(tenantId, status, by)),
        observe() {
          if (status !== 'active') model.stopped(tenantId);
          return '';
        },
      }),
    get: (tenantId) => caller.call({ target, name: `get ${tenantId}`, perform: () => real.get(tenantId) }),
    list: (query) => caller.call({ target, name: 'list', perform: () => real.list(query) }),
    changesSince: (version) =>
      caller.call({
        target,
        name: 'changes',
        perform: () => real.changesSince(version),
        observe: ({ tenants, isWhole }) => `${tenants.length}${isWhole ? ' (all)' : ''}`,
      }),
    // Without faults: what is lost of it changes nothing else.
    keepHistory: (options) => real.keepHistory(options),
    fleetHistory: (sinceMs) => real.fleetHistory(sinceMs),
    tenantHistory: (tenantId, sinceMs) => real.tenantHistory(tenantId, sinceMs),
    beginPlan: (request) =>
      caller.call({
        target,
        name: 'begin plan',
        isWork: true,
        perform: () => real.beginPlan(request),
        observe(result) {
          model.planBegun(request, result);
          if (result.status !== 'due') return result.status;
          return `${result.due} due: ${result.candidates.map(({ tenant }) => tenant.id).join(' ')}`;
        },
      }),
    commitPlan: (plan) =>
      caller.call({
        target,
        name: 'commit plan',
        isWork: true,
        isOvertaken: () => model.isOvertaken(plan),
        perform: () => real.commitPlan(plan),
        observe(won) {
          model.planCommitted(plan, won);
          return won.join(' ');
        },
      }),
    report(report) {
      // The answer to an earlier try was lost.
      let counted: string | undefined;
      let before: Counts | undefined;
      const sentAt = world.time.now;
      return caller.call({
        target,
        name: `report ${report.tenantId}`,
        // A poison queue's reader reports a message, and not a run.
        isWork: report.error?.code !== 'POISONED',
        perform() {
          counted = model.counted(report);
          return real.report(report);
        },
        onBegin: () => {
          before ??= model.counts(report.tenantId);
        },
        observe(answer) {
          if (counted !== undefined) {
            model.reportedAgain(report, counted);
            return 'again';
          }
          model.reported(report, answer);
          const tenant = world.knownTenant(report.tenantId);
          if (tenant !== undefined && world.time.now - sentAt > travelMs)
            tenant.lateReportAt = world.time.now;
          world.reported(process, report, answer);
          if (before !== undefined) world.checkReportedCounts(report, before);
          const { woken, chosen } = answer;
          return `${report.outcome}, next due in ${report.schedule.nextDueInMs}${report.backlog ? ', backlog' : ''}${woken ? ', woken' : ''}${chosen ? ', chosen' : ''}`;
        },
      });
    },
    postpone: (tenantId, holdMs, version) =>
      caller.call({
        target,
        name: `postpone ${tenantId}`,
        perform: () => real.postpone(tenantId, holdMs, version),
      }),
    recordSchema: (tenantId, version) => real.recordSchema(tenantId, version),
    async wake(tenantIds, choose) {
      world.checked(() => {
        world.wakes.called(process, tenantIds);
        return '';
      });
      const woken = caller.call({
        target,
        name: 'wake',
        perform: () => real.wake(tenantIds, choose),
        observe(woken) {
          model.woken(woken, choose);
          const chosen = woken.chosen.map(({ id }) => id);
          return `${woken.tenantIds.join(' ')}, chosen: ${chosen.join(' ')}, due: ${woken.due.join(' ')}`;
        },
      });
      return woken.catch((error) => {
        world.wakes.failed(process, tenantIds);
        throw error;
      });
    },
    // Without notifications, which would come in real time.
    hasWoken: () => caller.call({ target, name: 'has woken', perform: () => real.hasWoken() }),
    recordPoisoned: (messageId) => real.recordPoisoned(messageId),
    fleet: () => real.fleet(),
    close: () => real.close(),
  };
}
