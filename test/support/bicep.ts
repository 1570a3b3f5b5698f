/**
 * The Bicep CLI, as a server that compiles templates and evaluates them into the resources that Azure would be asked for,
 * without reaching Azure: https://learn.microsoft.com/azure/azure-resource-manager/bicep/bicep-cli#jsonrpc
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const infra = path.join(__dirname, '../../infra');

export const bicepVariable = 'MULTI_OUTBOX_TEST_BICEP';

/** The program that the variable names, or the one on PATH; undefined when there is none. */
export const bicepProgram = process.env[bicepVariable] || onPath('bicep');

function onPath(name: string): string | undefined {
  const files = (process.env.PATH ?? '').split(path.delimiter).map((folder) => path.join(folder, name));
  return files.find((file) => existsSync(file));
}

/** Values of a kind that Azure knows before a deployment; others are expressions in brackets. */
// biome-ignore lint/suspicious/noExplicitAny: each type of resource has properties of its own.
export type Value = any;

export interface Resource {
  readonly type: string;
  readonly name: string;
  readonly sku?: Value;
  readonly properties: Value;
}

export interface Template {
  readonly parameters: Readonly<Record<string, Value>>;
  readonly resources: Readonly<Record<string, Value>>;
}

/** Parameters of main.bicep that have no default. */
const required = {
  environmentName: "'test'",
  location: "'westeurope'",
  sqlAdministratorName: "'administrators'",
  sqlAdministratorObjectId: "'11111111-1111-1111-1111-111111111111'",
  sqlAdministratorType: "'Group'",
};

export class Bicep {
  /** A copy of infra/, which parameter files of tests are written into. */
  readonly #folder = mkdtempSync(path.join(tmpdir(), 'multi-outbox-bicep-'));
  readonly #server: ChildProcess;
  readonly #waiting = new Map<number, (answer: Value) => void>();
  #received = Buffer.alloc(0);
  #ended: string | undefined;
  readonly #evaluated = new Map<string, Promise<Resource[]>>();
  #calls = 0;

  /** @param env the variables that parameter files read */
  constructor(env: Readonly<Record<string, string>>) {
    cpSync(infra, this.#folder, { recursive: true });
    this.#server = spawn(bicepProgram!, ['jsonrpc', '--stdio'], {
      stdio: ['pipe', 'pipe', 'ignore'],
      // The compiler needs no cultures; without this it fails where ICU is not installed.
      env: { PATH: process.env.PATH, HOME: this.#folder, DOTNET_SYSTEM_GLOBALIZATION_INVARIANT: '1', ...env },
    });
    this.#server.stdout!.on('data', (bytes: Buffer) => this.#read(bytes));
    this.#server.on('error', (error) => this.#fail(error.message));
    this.#server.on('exit', (code) => this.#fail(`bicep ended with ${code}`));
  }

  /** The resources of one of infra's parameter files. */
  evaluateFile(name: string): Promise<Resource[]> {
    const known = this.#evaluated.get(name);
    if (known) return known;
    const resources = this.#snapshot(name);
    this.#evaluated.set(name, resources);
    return resources;
  }

  /**
   * The resources of main.bicep with these parameters, in Bicep; those that it requires have values already.
   * @throws the compiler's or the template's message
   */
  evaluate(parameters: Readonly<Record<string, string>>): Promise<Resource[]> {
    const lines = Object.entries({ ...required, ...parameters }).map(
      ([name, value]) => `param ${name} = ${value}`,
    );
    const text = ["using 'main.bicep'", ...lines, ''].join('\n');
    const file = `test-${createHash('sha256').update(text).digest('hex')}.bicepparam`;
    writeFileSync(path.join(this.#folder, file), text);
    return this.evaluateFile(file);
  }

  /** The resources of the parameter file in examples/azure/infra, with infra/ where the installed package has it. */
  evaluateExample(): Promise<Resource[]> {
    const example = path.join(this.#folder, 'example');
    cpSync(path.join(infra, '../examples/azure/infra'), path.join(example, 'infra'), { recursive: true });
    cpSync(infra, path.join(example, 'node_modules/multi-outbox/infra'), { recursive: true });
    return this.evaluateFile('example/infra/main.bicepparam');
  }

  async #snapshot(name: string): Promise<Resource[]> {
    const file = path.join(this.#folder, name);
    try {
      const { snapshot } = await this.#call('bicep/getSnapshot', {
        path: file,
        metadata: {
          tenantId: '33333333-3333-3333-3333-333333333333',
          subscriptionId: '44444444-4444-4444-4444-444444444444',
          location: 'westeurope',
          deploymentName: 'test',
        },
      });
      return JSON.parse(snapshot).predictedResources;
    } catch (error) {
      // When a file does not compile, the server says only that.
      const { success, diagnostics } = await this.#call('bicep/compileParams', {
        path: file,
        parameterOverrides: {},
      });
      if (success) throw error;
      throw new Error(diagnostics.map(({ message }: Value) => message).join('\n'));
    }
  }

  /** A module as the template that Azure gets; loops and dependencies are not evaluated. */
  async compile(file: string): Promise<Template> {
    const { success, contents, diagnostics } = await this.#call('bicep/compile', {
      path: path.join(this.#folder, file),
    });
    if (!success) throw new Error(JSON.stringify(diagnostics));
    return JSON.parse(contents);
  }

  /** What the compiler and the linter say about a file and its modules, with bicepconfig.json. */
  async lint(file: string): Promise<string[]> {
    const { diagnostics } = await this.#call('bicep/compile', { path: path.join(this.#folder, file) });
    return diagnostics.map(
      ({ source, code, message }: Value) => `${path.basename(source)} ${code}: ${message}`,
    );
  }

  async close(): Promise<void> {
    this.#server.removeAllListeners('exit');
    if (this.#server.exitCode === null) {
      const ended = once(this.#server, 'exit');
      this.#server.kill();
      await ended;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #call(method: string, params: object): Promise<Value> {
    if (this.#ended) throw new Error(this.#ended);
    const id = ++this.#calls;
    const message = JSON.stringify({ jsonrpc: '2.0', id, method, params });
    const answer = new Promise<Value>((resolve) => this.#waiting.set(id, resolve));
    this.#server.stdin!.write(`Content-Length: ${Buffer.byteLength(message)}\r\n\r\n${message}`);
    const { result, error } = await answer;
    if (error) throw new Error(error.message);
    return result;
  }

  /** Answers are framed as in the Language Server Protocol. */
  #read(bytes: Buffer): void {
    this.#received = Buffer.concat([this.#received, bytes]);
    for (;;) {
      const head = this.#received.indexOf('\r\n\r\n');
      if (head < 0) return;
      const length = Number(/Content-Length: (\d+)/i.exec(this.#received.toString('latin1', 0, head))![1]);
      const end = head + 4 + length;
      if (this.#received.length < end) return;
      const answer = JSON.parse(this.#received.toString('utf8', head + 4, end));
      this.#received = this.#received.subarray(end);
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    }
  }

  #fail(message: string): void {
    this.#ended = message;
    for (const resolve of this.#waiting.values()) resolve({ error: { message } });
    this.#waiting.clear();
  }
}
