/** The programs of examples/producers: how each is built and run, where its toolchain is at hand. */
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import mssql from 'mssql';
import { without } from '../support/sqlserver-databases.ts';
import { answer, dotnetEnv, hasDotnet } from '../support/toolchains.ts';

export const samples = path.join(__dirname, '../../examples/producers');
export const run = promisify(execFile);

/** The bytes of the TDS request that commits: the end of its headers, and the number of COMMIT. */
const commitRequest = Buffer.from([1, 0, 0, 0, 7, 0]);

export const hasJava = answer('javac', '-version') !== undefined;
/** The jar of Microsoft's JDBC driver, mssql-jdbc. */
const jdbc = process.env.MULTI_OUTBOX_TEST_JDBC ?? '';
const pythons = ['python3', '/usr/bin/python3'];
export const python = pythons.find((command) => answer(command, '--version') !== undefined);
const pythonWithDriver = pythons.find((command) => answer(command, '-c', 'import pytds') !== undefined);

export interface Program {
  readonly name: string;
  readonly isThere: boolean;
  /** What is missing if it is not there. */
  readonly missing: string;
  /** What a proxy finds in the request that commits. */
  readonly commit: string | Buffer;
  /** The command and its arguments, to which the order's id is added. */
  command(): Promise<[string, ...string[]]>;
}

/** A test that is skipped when something is missing; its name then says what. */
export const testWith = (isThere: boolean, name: string, missing: string, body: () => Promise<void>) =>
  isThere ? test(name, body, 300_000) : test.skip(`${name} (skipped: ${missing})`, () => {});

/** Copies of the samples, which are built once. */
export class ProducerSamples {
  readonly #folder = mkdtempSync(path.join(tmpdir(), 'multi-outbox-producers-'));
  #csharp: Promise<string> | undefined;
  #java: Promise<string> | undefined;

  /** Builds with the packages whose hashes packages.lock.json has. Resolves to the path of the assembly. */
  csharp(): Promise<string> {
    const place = path.join(this.#folder, 'csharp');
    this.#csharp ??= run(
      'dotnet',
      ['build', '--configuration', 'Release', '-nodeReuse:false', '-p:UseSharedCompilation=false'],
      { cwd: this.#copied('csharp'), env: { ...dotnetEnv, RestoreLockedMode: 'true' } },
    ).then(() => path.join(place, 'bin/Release/net10.0/producers.dll'));
    return this.#csharp;
  }

  /** Resolves to the folder of the class. */
  java(): Promise<string> {
    const place = path.join(this.#folder, 'java');
    const source = path.join(this.#copied('java'), 'PlaceOrder.java');
    this.#java ??= run('javac', ['-Xlint:all', '-Werror', '-d', place, source]).then(() => place);
    return this.#java;
  }

  programs(): Program[] {
    return [
      ...['sqlclient', 'dapper', 'efcore'].map(
        (way): Program => ({
          name: `C#, ${way}`,
          isThere: hasDotnet,
          missing: 'dotnet 10 or newer is not on PATH',
          commit: commitRequest,
          command: async () => ['dotnet', await this.csharp(), way],
        }),
      ),
      {
        name: 'Java',
        isThere: hasJava && jdbc !== '',
        missing: 'javac is not on PATH, or MULTI_OUTBOX_TEST_JDBC does not name the jar of mssql-jdbc',
        commit: 'COMMIT TRAN',
        command: async () => ['java', '-cp', [await this.java(), jdbc].join(path.delimiter), 'PlaceOrder'],
      },
      {
        name: 'Python',
        isThere: pythonWithDriver !== undefined,
        missing: 'python3 has no package python-tds',
        commit: commitRequest,
        command: async () => [pythonWithDriver!, path.join(samples, 'python/place_order.py')],
      },
    ];
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #copied(language: string): string {
    const copy = path.join(this.#folder, language);
    cpSync(path.join(samples, language), copy, { recursive: true });
    return copy;
  }
}

/**
 * The variables that the programs read.
 * @param place where the server listens, or a proxy before it, which can read the requests: they are not encrypted then
 */
export function producerEnv(
  connectionString: string,
  database: string,
  place: { host: string; port: number; isProxy?: boolean },
): Record<string, string> {
  const config = mssql.ConnectionPool.parseConnectionString(connectionString) as mssql.config;
  const { host, port, isProxy = false } = place;
  const plain = without(connectionString, /^(server|data source|encrypt)$/i);
  return {
    SHOP_DB: isProxy
      ? `Server=${host},${port};${plain};Encrypt=false;Database=${database}`
      : `${connectionString};Database=${database}`,
    SHOP_SERVER: host,
    SHOP_PORT: String(port),
    SHOP_DATABASE: database,
    SHOP_USER: config.user!,
    SHOP_PASSWORD: config.password!,
    SHOP_JDBC: `jdbc:sqlserver://${host}:${port};databaseName=${database};trustServerCertificate=true${isProxy ? ';encrypt=false' : ''}`,
  };
}

// Longer than a dedup key, so that a test can let the enqueue fail after the insert.
export const createOrders =
  'CREATE TABLE dbo.Orders (Id nvarchar(300) NOT NULL PRIMARY KEY, Placed datetime2 NOT NULL DEFAULT SYSUTCDATETIME())';
