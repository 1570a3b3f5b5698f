/** The interface through which job.ts drives each system alike: multi-outbox and its peers. */

export interface PeerContext {
  /** An existing folder for database files; jobs on the same databases get the same folder. */
  readonly folder: string;
  /** The connection string of a PostgreSQL server; absent if there is none. */
  readonly postgres?: string;
  /** Loads an installed package of a peer. */
  readonly load: (name: string) => unknown;
  /** Whether `calls` is wanted. */
  readonly counting: boolean;
}

export type OpenPeer = (context: PeerContext) => Promise<Peer>;

export interface Peer {
  /** Makes a database with this name for each name; it has the system's schema and no message. */
  prepare(names: readonly string[]): Promise<void>;
  /** Removes databases that are not in the folder. */
  remove(names: readonly string[]): Promise<void>;
  /** Stores messages at once. No host must serve the database. */
  fill(name: string, count: number): Promise<void>;
  /** How many messages are not settled yet. */
  unsettled(name: string): Promise<number>;
  /** Serves all databases of a `prepare` from this process; calls `handle` for each message. */
  host(names: readonly string[], handle: () => void, limits?: Limits): Promise<Host>;
  /** Calls to the databases so far, statements or more of them together, as the system makes them. */
  calls(): number;
}

/** Without limits, a host has the system's defaults. */
export interface Limits {
  /** Messages of a claim at most. */
  readonly batch: number;
  /** Handlers at once at most. */
  readonly concurrency: number;
}

export interface Host {
  /** Commits one message, as a producer in the host's process does. */
  send(name: string): Promise<void>;
  /** Ends when nothing runs any more. */
  stop(): Promise<void>;
}

export const topic = 'bench.noop';
export const payload = { text: 'x'.repeat(29) };
