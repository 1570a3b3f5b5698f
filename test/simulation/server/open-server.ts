import type { History } from '../history.ts';
import type { WorldOptions } from '../world.ts';
import { ServerDatabases } from './databases.ts';
import { runOnServer } from './history.ts';

export interface SimulationServer {
  run(options: WorldOptions): Promise<History>;
  close(): Promise<void>;
}

/** The server of MULTI_OUTBOX_TEST_SQLSERVER, which test/support/sqlserver.ts describes; null without one. */
export function openServer(): SimulationServer | null {
  const connectionString = process.env.MULTI_OUTBOX_TEST_SQLSERVER ?? '';
  if (connectionString === '') return null;
  const databases = new ServerDatabases(connectionString);
  return {
    run: (options) => runOnServer(options, databases),
    close: () => databases.dispose(),
  };
}
