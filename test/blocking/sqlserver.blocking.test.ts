/**
 * Blocking, plans and deadlocks on SQL Server. Only a server that honours lock hints can show them: elsewhere the suite is
 * skipped, and its title says why. Run it alone on its server; docs/testing.md has the command.
 */

import { serverConnectionString } from '../support/sqlserver.ts';
import { deadlocksSuite } from './deadlocks.ts';
import { whyNoLockHints } from './lock-hints.ts';
import { openTransactionsSuite } from './open-transactions.ts';
import { plansSuite } from './plans.ts';
import { BlockingScene } from './scene.ts';

const whyNot = whyNoLockHints();
const title = 'blocking: sqlserver';
// Jest's report gives only the number of skipped tests.
if (whyNot !== null && serverConnectionString !== '')
  process.stderr.write(`${title} is skipped: ${whyNot}\n`);

(whyNot === null ? describe : describe.skip)(
  whyNot === null ? title : `${title} (skipped: ${whyNot})`,
  () => {
    const scene = new BlockingScene();
    beforeAll(() => scene.open(), 120_000);
    afterAll(() => scene.dispose(), 120_000);

    openTransactionsSuite(scene);
    plansSuite(scene);
    deadlocksSuite(scene);
  },
);
