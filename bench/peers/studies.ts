/** What is measured, and the rows of the table that it fills. */
import type { PeerName, Work } from './job.ts';

export interface Study {
  readonly what: string;
  readonly databases: number;
  /** Messages stored before each measurement. */
  readonly messages: number;
  readonly work: Work;
  readonly rows: readonly Row[];
  readonly leftOut: readonly PeerName[];
}

export interface Row {
  /** The name of the figure among those of the job. */
  readonly figure: string;
  readonly title: string;
  readonly best: 'most' | 'least';
}

/** The studies of a host of one database, and those of a host of many. */
export function studies(quick: boolean): {
  readonly ofOne: readonly Study[];
  readonly ofMany: readonly Study[];
} {
  return {
    ofOne: [
      latency(quick ? 3 : 50, quick ? 500 : 20_000),
      serve(1, quick),
      drain(1, quick ? 20 : 200),
      drain(10, quick ? 20 : 2_000),
      drain(100, quick ? 20 : 10_000),
      drain(500, quick ? 20 : 10_000),
    ],
    ofMany: [serve(quick ? 3 : 200, quick)],
  };
}

const least = (figure: string, title: string): Row => ({ figure, title, best: 'least' });

function latency(messages: number, atMostMs: number): Study {
  return {
    what: 'one message at a time',
    databases: 1,
    messages: 0,
    work: { kind: 'latency', messages, atMostMs },
    rows: [least('p50Ms', 'to the handler, p50, ms'), least('p99Ms', 'to the handler, p99, ms')],
    leftOut: [],
  };
}

function serve(databases: number, quick: boolean): Study {
  return {
    what: databases === 1 ? '1 database' : `${databases} databases`,
    databases,
    messages: 0,
    work: { kind: 'serve', idleMs: quick ? 500 : 15_000 },
    rows: [
      ...(databases === 1 ? [] : [least('sweepMs', 'a message in each handled after, ms')]),
      least('callsPerSecond', 'idle, calls a second'),
      least('cpuMsPerSecond', 'idle, processor ms a second, host'),
      least('serverCpuMsPerSecond', 'idle, processor ms a second, server'),
      least('rssMiB', 'idle, memory of the host, MiB'),
      least('serverMiB', 'idle, memory of the server, MiB'),
    ],
    leftOut: [],
  };
}

function drain(batch: number, messages: number): Study {
  return {
    what: `drain, batch ${batch}`,
    databases: 1,
    messages,
    work: { kind: 'drain', messages, batch },
    rows: [
      { figure: 'perSecond', title: 'messages a second', best: 'most' },
      ...(batch === 500 ? [least('peakRssMiB', 'peak memory of the host, MiB')] : []),
    ],
    leftOut: batch === 1 ? [] : ['plainjob'],
  };
}

export const notes = [
  'Durability is the same: SQLite commits with synchronous FULL (plainjob would choose NORMAL), and a PostgreSQL that the benchmark starts has its defaults, fsync and synchronous_commit on, on the same disk.',
  'Latency is the time from the call that stores a message to the start of its handler, in one process, for 50 messages or as many as 20 s allow; plainjob looks for messages every second, and pg-boss listens for them, which is no default. Otherwise each has its defaults there, and when idle.',
  'Idle is directly after a message in each database, when multi-outbox looks at them most often: after 2 s, 4 s and so on, up to 5 min. Calls are statements of PostgreSQL and SQLite, and for multi-outbox calls of its engine, which are several statements each. The figures of the server are those of all its processes.',
  'A batch is what a claim takes at most. Up to 16 handlers run at once, or as many as the batch has. The first tenth of a drain does not count. At batch 1 pg-boss is called by fetch and complete, because its worker rests after each job; from batch 10 graphile-worker also completes in batches. plainjob claims one job at a time.',
  'Of multi-outbox one host serves the 200 databases, of the peers 200 workers in one process. All of them share a PostgreSQL, with max_connections raised to 2,500.',
];
