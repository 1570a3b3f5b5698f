/** A PostgreSQL server for the benchmark: a temporary one from this machine's binaries, or an existing one. */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';

/** Names an existing server by its connection string; the benchmark makes databases there and drops them. */
export const serverVariable = 'BENCH_POSTGRES';

export interface PostgresServer {
  readonly url: string;
  readonly version: string;
  /** Its first process, if the benchmark has started it. */
  readonly pid?: number;
  stop(): void;
}

const debian = '/usr/lib/postgresql';
/** A host of 200 databases has several connections to each. */
const connections = 2_500;

/** The folder with `initdb` and `pg_ctl`: on the path, or the newest of Debian's. */
export function findPostgres(path = process.env.PATH ?? '', installed = debian): string | undefined {
  const versions = existsSync(installed) ? readdirSync(installed) : [];
  const ofDebian = versions
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => join(installed, version, 'bin'));
  return [...path.split(delimiter), ...ofDebian].find((folder) =>
    ['initdb', 'pg_ctl'].every((program) => folder !== '' && existsSync(join(folder, program))),
  );
}

/**
 * Starts a server on loopback, with fsync and the other defaults.
 *
 * @param binaries as findPostgres returns it
 * @param folder to be made; PostgreSQL does not run as root, so its parent must let other users through then
 */
export async function startPostgres(binaries: string, folder: string): Promise<PostgresServer> {
  const user = process.getuid?.() === 0 ? unprivileged() : undefined;
  mkdirSync(folder, { mode: 0o700 });
  const passwordFile = join(folder, 'password');
  const password = randomBytes(16).toString('hex');
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (user) for (const path of [folder, passwordFile]) chownSync(path, user.uid, user.gid);
  const data = join(folder, 'data');
  const log = join(folder, 'log');
  const run = (program: string, ...words: string[]) => {
    // The working directory may be closed to the other user. A server that holds the pipes would keep pg_ctl waiting.
    const stdio = ['ignore', 'ignore', program === 'initdb' ? 'pipe' : 'ignore'] as const;
    const { status, stderr, error } = spawnSync(join(binaries, program), words, {
      ...user,
      cwd: folder,
      stdio: [...stdio],
    });
    if (status === 0) return;
    const why = existsSync(log) ? readFileSync(log, 'utf8') : String(stderr ?? '');
    throw new Error(`${program} of ${binaries} failed.\n${why.slice(-2_000)}`, { cause: error });
  };
  run(
    'initdb',
    '-D',
    data,
    '-U',
    'bench',
    '-A',
    'scram-sha-256',
    `--pwfile=${passwordFile}`,
    '-E',
    'UTF8',
    '--locale=C',
    '--no-sync',
  );
  const port = await freePort();
  appendFileSync(
    join(data, 'postgresql.conf'),
    `\nlisten_addresses = '127.0.0.1'\nport = ${port}\nunix_socket_directories = ''\nmax_connections = ${connections}\n`,
  );
  const stop = () => {
    if (existsSync(join(data, 'postmaster.pid'))) run('pg_ctl', 'stop', '-D', data, '-m', 'immediate', '-w');
  };
  try {
    run('pg_ctl', 'start', '-D', data, '-l', log, '-w');
  } catch (error) {
    // An interrupt from the terminal ends pg_ctl, but not the server that it has started.
    stop();
    throw error;
  }
  const pid = Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0]);
  const { stdout: version } = spawnSync(join(binaries, 'initdb'), ['--version'], { encoding: 'utf8' });
  return {
    url: `postgres://bench:${password}@127.0.0.1:${port}/postgres`,
    version: version.trim().replace('initdb ', ''),
    pid,
    stop,
  };
}

/** The user that Debian's packages make, or that every system has. */
function unprivileged(): { uid: number; gid: number } {
  for (const user of ['postgres', 'nobody']) {
    const [uid, gid] = ['-u', '-g'].map((flag) => spawnSync('id', [flag, user], { encoding: 'utf8' }).stdout);
    if (uid && gid) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error(
    `PostgreSQL does not run as root, and there is no user postgres or nobody. Name a server in ${serverVariable}.`,
  );
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
