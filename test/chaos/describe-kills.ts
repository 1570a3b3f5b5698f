/** The kill suite (section 8): the real program is killed, and the books must balance. Runs against one engine. */
import { withoutKills } from '../support/platform.ts';
import { applicationSuite } from './applications.ts';
import { deadlyMessageSuite } from './deadly-messages.ts';
import type { KillHarness } from './harness.ts';
import { ledgerSuite } from './ledgers.ts';
import { manyHostsSuite } from './many-hosts.ts';
import { momentSuite } from './moments.ts';
import { plannersSuite } from './planners.ts';
import { planSuite } from './plans.ts';
import { pointSuite } from './points.ts';
import { producerSuite } from './producers.ts';
import { stopSuite } from './stops.ts';
import { twoHostsSuite } from './two-hosts.ts';

export function describeKills(harness: KillHarness): void {
  describe(`${harness.name}: kills`, () => {
    const unavailable = harness.unavailable ?? withoutKills;
    if (unavailable !== undefined) {
      test.skip(`skipped: ${unavailable}`, () => {});
      return;
    }
    pointSuite(harness);
    momentSuite(harness);
    stopSuite(harness);
    twoHostsSuite(harness);
    manyHostsSuite(harness);
    planSuite(harness);
    plannersSuite(harness);
    deadlyMessageSuite(harness);
    applicationSuite(harness);
    ledgerSuite(harness);
    producerSuite(harness);
  });
}
