/** The contenders of a run: their packages, the PostgreSQL server, and the processes that measure them. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import { installPeers, versions } from './install.ts';
import type { Figures, Job, PeerName, Work } from './job.ts';
import { findPostgres, type PostgresServer, serverVariable, startPostgres } from './postgres-server.ts';
import { longestRunMs, outputOf } from './processes.ts';

export interface Setting {
  readonly contenders: readonly Contender[];
  readonly notes: readonly string[];
  /** Removes what is not in the folder. */
  close(): void;
}

export interface Contender {
  readonly name: PeerName;
  /** Makes so many databases; its result does a job on them in a process of its own. */
  prepare(databases: number): Promise<(work: Work) => Promise<Figures>>;
}

export const ours: PeerName = 'multi-outbox';
const onPostgres: readonly PeerName[] = ['graphile-worker', 'pg-boss'];

/**
 * Installs and starts what can be had. The rest is left out, and a note says so.
 *
 * @param folder an existing one, removed by the caller
 */
export async function prepare(folder: string, progress: (what: string) => void): Promise<Setting> {
  await bundleJob(join(folder, 'program'));
  const left: string[] = [];
  const names: PeerName[] = [ours];
  let server: PostgresServer | undefined;
  progress('installing the peers');
  try {
    await installPeers(join(folder, 'packages'));
    names.push('plainjob');
    progress('starting PostgreSQL');
    server = await serverFor(folder);
    if (server) names.push(...onPostgres);
    else left.push(`${onPostgres.join(' and ')} are left out, because PostgreSQL was not found. ${howToGet}`);
  } catch (error) {
    if (names.length > 1) throw error;
    left.push(`The peers are left out, because npm could not install them: ${reasonOf(error)}`);
  }
  const removals: (() => void)[] = [];
  const close = () => {
    process.off('exit', close);
    for (const remove of removals) remove();
    server?.stop();
  };
  // Before the folder is removed, which happens at the same event.
  process.prependListener('exit', close);
  return {
    contenders: names.map((name) => ({
      name,
      prepare: (count) => space(folder, server, name, count, removals),
    })),
    notes: [...left, ...(names.length === 1 ? [] : [versionsOf(server)])],
    close,
  };
}

const howToGet = `Install it (apt install postgresql), or name a server in ${serverVariable} (postgres://user:password@host/database).`;

function versionsOf(server: PostgresServer | undefined): string {
  const packages = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `Packages: ${packages.join(', ')}.${server === undefined ? '' : ` Server: ${server.version}.`}`;
}

/** A program prints the reason first, and then a stack. */
export function reasonOf(error: unknown): string {
  const { stderr, killed } = error as { stderr?: string; killed?: boolean };
  if (killed) return `it did not end within ${longestRunMs / 60_000} minutes`;
  const lines = (stderr || String(error)).trim().split('\n').slice(0, 4);
  return lines.map((line) => line.replace(/^npm error /, '')).join('; ');
}

async function serverFor(folder: string): Promise<PostgresServer | undefined> {
  const url = process.env[serverVariable];
  if (url !== undefined) return { url, version: `the one of ${serverVariable}`, stop() {} };
  const binaries = findPostgres();
  if (binaries === undefined) return undefined;
  // PostgreSQL runs as another user than root, and must reach its own folder.
  for (const path of [dirname(folder), folder]) chmodSync(path, 0o711);
  return startPostgres(binaries, join(folder, 'postgres'));
}

/** Bundles job.ts, because reading TypeScript would count in the memory of multi-outbox. */
async function bundleJob(folder: string): Promise<void> {
  mkdirSync(folder);
  symlinkSync(join(import.meta.dirname, '../../node_modules'), join(folder, 'node_modules'), 'junction');
  await build({
    entryPoints: { job: join(import.meta.dirname, 'job.ts') },
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    packages: 'external',
    logLevel: 'error',
  });
}

let spaces = 0;

/** New databases of one contender. */
async function space(
  parent: string,
  server: PostgresServer | undefined,
  peer: PeerName,
  databases: number,
  removals: (() => void)[],
): Promise<(work: Work) => Promise<Figures>> {
  const id = `multi-outbox-bench-${process.pid}-${++spaces}`;
  const folder = join(parent, id);
  mkdirSync(folder);
  const program = join(parent, 'program/job.mjs');
  const isOnServer = server !== undefined && onPostgres.includes(peer);
  const jobOf = (work: Work): Job => ({
    peer,
    work,
    names: Array.from({ length: databases }, (_, index) => `${id}-${index + 1}`),
    folder,
    packages: join(parent, 'packages'),
    ...(isOnServer && { postgres: server.url, serverPid: server.pid }),
  });
  // In the environment, because everybody may read the arguments of a process, and the server has a password.
  const variables = (work: Work) => ({ BENCH_JOB: JSON.stringify(jobOf(work)) });
  const run = async (work: Work) =>
    JSON.parse(await outputOf(process.execPath, [program], folder, variables(work))) as Figures;
  // The databases of a server that was started here vanish with it.
  if (isOnServer && server.pid === undefined) {
    removals.push(() => {
      const env = { ...process.env, ...variables({ kind: 'remove' }) };
      spawnSync(process.execPath, [program], { env, stdio: ['ignore', 'ignore', 'inherit'] });
    });
  }
  await run({ kind: 'prepare' });
  return run;
}
