/**
 * The demo: five customers, two hosts, several hundred mails. It runs the library with short intervals and checks
 * at the end that every dispatched mail is a file. Like an application, it imports only the package; the
 * command `multi-outbox demo` runs it and shows its result.
 */
import { join } from 'node:path';
import { createMultiOutbox, type Logger, loadSettings, type RunReport } from 'multi-outbox';
import { customers } from './customers.ts';
import { type DemoDatabases, fileDatabases } from './databases.ts';
import { createFleet } from './fleet.ts';
import { demoFolder, emptyFolder } from './folder.ts';
import demoHandlers from './handlers.ts';
import { runHosts } from './hosts.ts';
import { type CustomerResult, collectResults, findProblems } from './result.ts';
import { useDemoSettings } from './settings.ts';

export interface DemoOptions {
  /** Path of the CLI, which the second host runs. */
  readonly program: string;
  /** Path of ./handlers.ts as the command line can load it. */
  readonly handlersFile: string;
  /** URL of a registry on a server; when absent, the registry is a file in the demo's folder. */
  readonly registry?: string | undefined;
  /** Returns the databases for a registry on a server. Called after the demo's settings are set. */
  readonly serverDatabases: (registry: string) => Promise<DemoDatabases>;
  /** The logger of the host in this process. */
  readonly logger?: Logger | undefined;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
  readonly onProgress: (done: number, of: number) => void;
  /** Called with the report of the run that was skipped because of the other host's lease. */
  readonly onCollision: (report: RunReport) => void;
  readonly onSecondHostLog: (line: string) => void;
}

export interface DemoResult {
  readonly customers: readonly CustomerResult[];
  /** Mails dispatched by each host. */
  readonly hosts: { readonly first: number; readonly second: number };
  /** One sentence for each problem. */
  readonly problems: readonly string[];
  readonly durationMs: number;
}

/** Where the demo's registry is when none is named; relative to the working folder. */
export const defaultRegistry = `sqlite:${join(demoFolder().shown, 'registry.db')}`;

/** @throws DemoFailed when it cannot start, takes too long or is stopped; MultiOutboxError */
export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const { registry = defaultRegistry, say } = options;
  const startedAt = Date.now();
  const folder = demoFolder();
  useDemoSettings({
    MULTI_OUTBOX_REGISTRY: registry,
    MULTI_OUTBOX_HANDLERS: options.handlersFile,
    MULTI_OUTBOX_MAIL_FOLDER: folder.mail,
  });
  await emptyFolder(folder);
  const databases = registry.startsWith('sqlite:')
    ? fileDatabases(folder)
    : await options.serverDatabases(registry);
  const baseline = await prepare(databases);
  const messages = customers.reduce((sum, customer) => sum + customer.messages.length, 0);
  say(
    `${customers.length} customers, each with a database of its own ${databases.where}; ${messages} messages wait.`,
  );
  say('One of the databases is ruined now. Two hosts start: this process and a second one.');

  await using multiOutbox = createMultiOutbox({
    handlers: demoHandlers(loadSettings()),
    ...(options.logger && { logger: options.logger }),
    owner: `first-host-${process.pid}`,
  });
  const runs = await runHosts({ ...options, multiOutbox, baseline });
  const results = await collectResults(multiOutbox, folder, baseline, runs);
  return {
    customers: results,
    hosts: { first: runs.first, second: runs.second },
    problems: findProblems(results),
    durationMs: Date.now() - startedAt,
  };
}

/** Uses its own instance, so that no database is open when one of them is ruined. */
async function prepare(databases: DemoDatabases) {
  await databases.prepare(customers.map(({ id }) => id));
  const multiOutbox = createMultiOutbox({ handlers: [] });
  const baseline = await createFleet(multiOutbox, databases).finally(() => multiOutbox.close());
  for (const { id, ruined } of customers) if (ruined) await databases.ruin(id);
  return baseline;
}
