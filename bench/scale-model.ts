/** What a large fleet asks of each shared part, from measured costs: which part is used up first. */

/** A fleet as the function app serves it. */
export interface FleetLoad {
  readonly name: string;
  readonly tenants: number;
  readonly messagesAnHour: number;
  /** Messages that one run takes on average; 1 is the worst case. */
  readonly messagesARun: number;
  /** How often hosts look at an idle tenant, in seconds. */
  readonly idleCeilingSeconds: number;
}

/** Measured, in milliseconds. */
export interface ScaleCosts {
  /** A plan, for each tenant that it chooses. */
  readonly plan: number;
  /** A wake that chooses its tenant. */
  readonly wake: number;
  /** A run's report to the registry. */
  readonly report: number;
  /** A run that finds no message, and one that takes a message. Both include their reports. */
  readonly idleRun: number;
  readonly busyRun: number;
}

/** What the parts can do. */
export interface ScaleLimits {
  readonly planIntervalSeconds: number;
  readonly planCapacity: number;
  /** Messages a second that the storage account's documentation promises for one queue. */
  readonly queueMessagesASecond: number;
  readonly runsOfAnInstance: number;
  readonly instances: number;
  readonly connectionsOfAnInstance: number;
  /** Instances that have connections to the registry besides those that dispatch. */
  readonly otherInstances: number;
  readonly registryWorkers: number;
}

/** The infrastructure's defaults, with the registry GP_S_Gen5_2; docs/azure.md (Scaling) and docs/performance.md have the sources. */
export const defaultLimits: ScaleLimits = {
  planIntervalSeconds: 5,
  planCapacity: 10_000,
  queueMessagesASecond: 2_000,
  runsOfAnInstance: 24,
  instances: 40,
  connectionsOfAnInstance: 3,
  otherInstances: 2,
  registryWorkers: 150,
};

/** Everything is a share of what the part can do: above 1 it is not enough. */
export interface Uses {
  /** The time that one planner spends on its plans. */
  readonly planner: number;
  /** What the plans may choose by their capacity. */
  readonly planCapacity: number;
  /** The time that a registry with a single writer spends on plans, wakes and reports. */
  readonly registry: number;
  readonly dispatchQueue: number;
  readonly instances: number;
  readonly connections: number;
}

/** Of 30 days: what is billed by use. */
export interface Bill {
  readonly executions: number;
  readonly queueOperations: number;
  /** At 2 KB an execution, as docs/azure.md assumes. */
  readonly gigabytesOfLogs: number;
}

export interface ScaleFindings {
  readonly looksASecond: number;
  readonly runsASecond: number;
  readonly uses: Uses;
  /** The part that is used up first. */
  readonly first: keyof Uses;
  readonly bill: Bill;
}

const secondsOfMonth = 30 * 86_400;
/** Put, get and delete. */
const operationsOfMessage = 3;
const kilobytesOfLogs = 2;

/**
 * Every message wakes its tenant, and every run needs a choice, a request and a report. Plans choose the looks at idle
 * tenants; wakes choose the tenants that have messages. Tenants with messages are counted as idle ones too, so that the
 * looks are at most so many.
 */
export function scaleOf(load: FleetLoad, costs: ScaleCosts, limits: ScaleLimits): ScaleFindings {
  const messages = load.messagesAnHour / 3_600;
  const busyRuns = messages / load.messagesARun;
  const looks = load.tenants / load.idleCeilingSeconds;
  const runs = looks + busyRuns;
  const runsAtOnce = (looks * costs.idleRun + busyRuns * costs.busyRun) / 1_000;
  const instances = Math.max(1, Math.ceil(runsAtOnce / limits.runsOfAnInstance));
  const uses: Uses = {
    planner: (looks * costs.plan) / 1_000,
    planCapacity: (looks * limits.planIntervalSeconds) / limits.planCapacity,
    registry: (looks * costs.plan + messages * costs.wake + runs * costs.report) / 1_000,
    dispatchQueue: runs / limits.queueMessagesASecond,
    instances: instances / limits.instances,
    connections:
      ((instances + limits.otherInstances) * limits.connectionsOfAnInstance) / limits.registryWorkers,
  };
  const plans = 1 / limits.planIntervalSeconds;
  const executions = (runs + plans) * secondsOfMonth;
  return {
    looksASecond: looks,
    runsASecond: runs,
    uses,
    first: (Object.keys(uses) as (keyof Uses)[]).reduce((most, name) =>
      uses[name] > uses[most] ? name : most,
    ),
    bill: {
      executions,
      queueOperations: runs * operationsOfMessage * secondsOfMonth,
      gigabytesOfLogs: (executions * kilobytesOfLogs) / 1e6,
    },
  };
}
