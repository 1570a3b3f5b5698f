/**
 * The demo: five customers, two hosts, several hundred mails. It is the program itself at work, in fast motion, and
 * it checks at the end that every dispatched mail lies there as a file.
 */
import { join } from 'node:path';
import { isEmbedded } from '../../fleet/engines.ts';
import { loadSettings } from '../../settings.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { exitCodes, FailedError } from '../errors.ts';
import { loadHandlers } from '../handlers.ts';
import { createLogger } from '../output/logger.ts';
import { startProgress } from '../output/progress.ts';
import { runLine } from '../output/run.ts';
import { duration } from '../output/text.ts';
import type { Session } from '../session.ts';
import { watchForStop } from '../signals.ts';
import { customers } from './customers.ts';
import { type DemoDatabases, fileDatabases } from './databases.ts';
import { createFleet } from './fleet.ts';
import { type DemoFolder, demoFolder, emptyFolder } from './folder.ts';
import { demoHandlersFile, runHosts } from './hosts.ts';
import { collectResults, findProblems, resultTable } from './result.ts';
import { useDemoSettings } from './settings.ts';

export async function demo(session: Session): Promise<number> {
  const startedAt = Date.now();
  const { json, verbose } = session.options;
  const say = (line: string) => {
    if (!json) process.stdout.write(`${line}\n`);
  };
  const program = process.env.npm_lifecycle_event === 'demo' ? 'npm run cli --' : 'multi-outbox';
  const folder = demoFolder();
  const registry = session.options.registry ?? `sqlite:${join(folder.shown, 'registry.db')}`;
  // A server's URL may hold a password, which is not to be shown.
  const where = isEmbedded(registry) ? `--registry ${registry}` : '--registry …';
  useDemoSettings({ registry, handlersModule: demoHandlersFile(), 'email.folder': folder.mail });

  await emptyFolder(folder);
  const databases = await databasesOf(registry, folder);
  const baseline = await prepare(databases);
  const messages = customers.reduce((sum, customer) => sum + customer.messages.length, 0);
  say(
    `${customers.length} customers, each with a database of its own ${databases.where}; ${messages} messages wait.`,
  );
  say('One of the databases is ruined now. Two hosts start: this process and a second one.');

  const { createMultiOutbox } = await import('../../multi-outbox.ts');
  const multiOutbox = createMultiOutbox({
    handlers: await loadHandlers(loadSettings()),
    logger: verbose ? await createLogger({ json, level: 'info' }) : silentLogger,
    owner: `first-host-${process.pid}`,
  });
  const progress = await showProgress(json);
  const stop = watchForStop();
  try {
    const runs = await runHosts({
      multiOutbox,
      baseline,
      signal: stop.signal,
      verbose,
      onProgress: progress.update,
      onCollision: (report) => say(`This host asked for ${runLine(report)}.`),
    }).finally(() => progress.stop());
    const results = await collectResults(multiOutbox, folder, baseline, runs);
    const problems = findProblems(results);
    const durationMs = Date.now() - startedAt;
    await session.show(
      { customers: results, hosts: { first: runs.first, second: runs.second }, problems, durationMs },
      async () =>
        [
          '',
          await resultTable(results, session.colors),
          '',
          `Done in ${duration(durationMs)}: ${runs.first} mails by this host, ${runs.second} by the second one.`,
          'Skipped counts the runs that found the lease held by the other host. Look around with:',
          `  ${program} status ${where}`,
          `  ${program} dead list --all ${where}`,
        ].join('\n'),
    );
    if (problems.length > 0)
      throw new FailedError(`The demo did not end as it should: ${problems.join('; ')}.`);
    return exitCodes.done;
  } finally {
    stop.dispose();
    await multiOutbox.close();
  }
}

/** With an instance of its own, so that no database is open when one of them is ruined. */
async function prepare(databases: DemoDatabases) {
  await databases.prepare(customers.map(({ id }) => id));
  const { createMultiOutbox } = await import('../../multi-outbox.ts');
  const multiOutbox = createMultiOutbox({ handlers: [], logger: silentLogger });
  const baseline = await createFleet(multiOutbox, databases).finally(() => multiOutbox.close());
  for (const { id, ruined } of customers) if (ruined) await databases.ruin(id);
  return baseline;
}

async function databasesOf(registry: string, folder: DemoFolder): Promise<DemoDatabases> {
  if (isEmbedded(registry)) return fileDatabases(folder);
  const { serverDatabases } = await import('./server-databases.ts');
  return serverDatabases(registry, loadSettings().sqlserver);
}

/** A bar on a terminal, a line now and then elsewhere. */
async function showProgress(json: boolean) {
  if (json || process.stderr.isTTY) return startProgress('Dispatching', 'mails', { json });
  let lastAt = 0;
  return {
    update(done: number, of: number) {
      if (Date.now() - lastAt < 1_000 && done < of) return;
      lastAt = Date.now();
      process.stderr.write(`${done} of ${of} mails dispatched\n`);
    },
    stop() {},
  };
}
