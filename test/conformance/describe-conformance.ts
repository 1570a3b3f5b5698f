/** The clauses of the work queue (Q), of leases as stored (L) and of the registry (F), checked against one engine. */
import { backlogSuite } from './backlog.ts';
import { busySuite } from './busy.ts';
import { claimSuite } from './claim.ts';
import { clockSetBackSuite } from './clock-set-back.ts';
import { concurrencySuite } from './concurrency.ts';
import { contentSuite } from './content.ts';
import { deadSuite } from './dead.ts';
import { enqueueSuite } from './enqueue.ts';
import { fencingSuite } from './fencing.ts';
import type { EngineHarness } from './harness.ts';
import { joinSuite } from './join.ts';
import { joinQueriesSuite } from './join-queries.ts';
import { leaseStoreSuite } from './lease-store.ts';
import { lifecycleSuite } from './lifecycle.ts';
import { messagesSuite } from './messages.ts';
import { orderingSuite } from './ordering.ts';
import { orderingDeadSuite } from './ordering-dead.ts';
import { orderingGroupsSuite } from './ordering-groups.ts';
import { orderingProducersSuite } from './ordering-producers.ts';
import { parkingSuite } from './parking.ts';
import { processesSuite } from './processes.ts';
import { randomQueueSuite } from './random-queue.ts';
import { receiveSuite } from './receive.ts';
import { recoverySuite } from './recovery.ts';
import { registryHistorySuite } from './registry-history.ts';
import { registryOperationsSuite } from './registry-operations.ts';
import { registryPlanSuite } from './registry-plan.ts';
import { registryPlannersSuite } from './registry-planners.ts';
import { registryReportSuite } from './registry-report.ts';
import { registryTenantsSuite } from './registry-tenants.ts';
import { registryWakeSuite } from './registry-wake.ts';
import { restoreSuite } from './restore.ts';
import { retentionSuite } from './retention.ts';
import { Scene } from './scene.ts';
import { schemaSuite } from './schema.ts';
import { settleSuite } from './settle.ts';
import { storedCountsSuite } from './stored-counts.ts';
import { throttlingSuite } from './throttling.ts';
import { transactSuite } from './transact.ts';
import { unreadableSuite } from './unreadable.ts';
import { userLeasesSuite } from './user-leases.ts';

/**
 * The suites by topic. An engine's test files may each take a few topics, so that files run in parallel, or one file all
 * of them.
 */
const topics = {
  schema: [schemaSuite, lifecycleSuite],
  storing: [enqueueSuite, joinSuite, joinQueriesSuite, receiveSuite, contentSuite],
  claiming: [claimSuite, backlogSuite, settleSuite, busySuite, fencingSuite, recoverySuite],
  topics: [throttlingSuite, parkingSuite, storedCountsSuite],
  transactions: [transactSuite],
  restoring: [restoreSuite, clockSetBackSuite],
  ordering: [orderingSuite, orderingGroupsSuite, orderingDeadSuite, orderingProducersSuite],
  dead: [deadSuite, messagesSuite, retentionSuite],
  unreadable: [unreadableSuite],
  random: [randomQueueSuite],
  leases: [leaseStoreSuite, userLeasesSuite],
  registry: [
    registryTenantsSuite,
    registryOperationsSuite,
    registryPlanSuite,
    registryPlannersSuite,
    registryReportSuite,
    registryHistorySuite,
    registryWakeSuite,
  ],
  hosts: [concurrencySuite, processesSuite],
};

export type Topic = keyof typeof topics;
export const allTopics = Object.keys(topics) as Topic[];

export function describeConformance(harness: EngineHarness, ...chosen: Topic[]): void {
  if (harness.unavailable !== undefined) {
    describe(`${harness.name} engine`, () => {
      test.skip(`skipped: ${harness.unavailable}`, () => {});
    });
    return;
  }
  describe(`${harness.name} engine`, () => {
    const scene = new Scene(harness);
    beforeAll(() => scene.start());
    afterEach(() => scene.clear());
    afterAll(() => scene.end());
    for (const topic of chosen) for (const suite of topics[topic]) suite(scene);
  });
}
