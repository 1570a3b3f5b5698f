/** The real function bundle, as processes under a stand-in for the Functions host, on queues of a real service. */
import { type ChildProcess, fork } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { createMultiOutbox, type MultiOutbox } from '../../src/index.ts';
import type { Azurite } from './azurite.ts';
import { SqlitePlace } from './sqlite-place.ts';
import { until } from './until.ts';

/** The queues that the functions listen to. */
export const functionQueues = ['dispatch', 'pages', 'wake'].flatMap((name) => [
  `multi-outbox-${name}`,
  `multi-outbox-${name}-poison`,
]);

const host = path.resolve('test/support/functions-host/main.mjs');

export interface FunctionBinding {
  readonly name: string;
  readonly type: string;
  readonly direction: string;
  readonly [property: string]: unknown;
}

export interface ListedFunction {
  readonly name: string;
  readonly bindings: readonly FunctionBinding[];
}

/** The effects of one invocation. */
export interface Invocation {
  readonly name: string;
  readonly error?: string;
  readonly ms: number;
  readonly outputs: readonly { readonly queueName: string; readonly text: string }[];
  readonly logs: readonly { readonly level: string; readonly message: string }[];
}

export interface InstanceFigures {
  /** Calls to the queue service. */
  readonly requests: number;
  /** Messages put into each queue. */
  readonly sent: Readonly<Record<string, number>>;
  /** The most memory that was resident, in bytes. */
  readonly peakRss: number;
}

type FromHost =
  | { readonly kind: 'ready'; readonly port: number; readonly functions: ListedFunction[] }
  | { readonly kind: 'begun'; readonly name: string }
  | ({ readonly kind: 'invocation' } & Invocation)
  | { readonly kind: 'answer'; readonly id: number; readonly answer: unknown };

/** The host's lock on the timer: the instance that has it, until that instance ends. */
interface TimerLock {
  holder?: Instance;
}

/** One instance of the function app. */
export class Instance {
  readonly invocations: Invocation[] = [];
  /** Names of functions in the order they were begun. */
  readonly begun: string[] = [];
  functions: readonly ListedFunction[] = [];
  output = '';
  exit: number | NodeJS.Signals | undefined;
  readonly #child: ChildProcess;
  /** Rejects when the process has ended. */
  readonly #exited: Promise<never>;
  readonly #answers = new Map<number, (answer: unknown) => void>();
  #port = 0;
  #commands = 0;

  readonly #timer: TimerLock;

  constructor(
    env: NodeJS.ProcessEnv,
    { folder = path.resolve('.'), hiddenSeconds = 30 } = {},
    timer: TimerLock = {},
  ) {
    this.#timer = timer;
    this.#child = fork(host, [folder, String(hiddenSeconds)], {
      env,
      execPath: process.execPath,
      execArgv: ['--enable-source-maps'],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
      });
    }
    this.#exited = new Promise((_, reject) => {
      this.#child.on('exit', (code, signal) => {
        this.exit = signal ?? code ?? undefined;
        reject(new Error(`The instance ended (${this.exit}): ${this.output}`));
      });
    });
    this.#exited.catch(() => {});
    this.#child.on('message', (message: FromHost) => this.#take(message));
  }

  get pid(): number {
    return this.#child.pid!;
  }

  async ready(): Promise<this> {
    await until('the instance is ready', () => {
      if (this.exit !== undefined) throw new Error(`The instance ended (${this.exit}): ${this.output}`);
      return this.#port > 0;
    });
    return this;
  }

  /** Fires the timer, and waits until its requests are in the queues. Only one instance has the timer. */
  async tick(): Promise<Invocation> {
    const { holder } = this.#timer;
    if (holder !== undefined && holder !== this && holder.exit === undefined) {
      throw new Error('Another instance has the timer, and the host lets no other one plan.');
    }
    this.#timer.holder = this;
    await this.#ask('tick');
    return this.of('plan').at(-1)!;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  fetch(route: string, init?: RequestInit): Promise<Response> {
    return fetch(`${this.origin}/api/${route}`, init);
  }

  /** The invocations of one function that have ended. */
  of(name: string): Invocation[] {
    return this.invocations.filter((invocation) => invocation.name === name);
  }

  /** The reports of dispatch runs in the log. */
  runs(): Record<string, unknown>[] {
    return this.of('dispatch').flatMap(({ logs }) =>
      logs
        .filter(({ message }) => message.startsWith('Dispatch run '))
        .map(({ message }) => JSON.parse(message.slice(message.indexOf('{'))) as Record<string, unknown>),
    );
  }

  measure(): Promise<InstanceFigures> {
    return this.#ask('measure') as Promise<InstanceFigures>;
  }

  /**
   * Stops the instance as the host does: its queues go on for a while (ten seconds in the real host), and then it gets its
   * notice of termination. Resolves when the process has ended, to the milliseconds that the hooks took.
   */
  async terminate({ goOnMs = 100 } = {}): Promise<{ ms: number }> {
    const answer = (await this.#ask('terminate', { goOnMs })) as { ms: number };
    await this.#ended();
    return answer;
  }

  /** Waits for the invocations under way, then ends the instance. */
  async stop(): Promise<void> {
    if (this.exit !== undefined) return;
    await this.#ask('stop');
    await this.#ended();
  }

  async kill(): Promise<void> {
    if (this.exit !== undefined) return;
    this.#child.kill('SIGKILL');
    await this.#ended();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }

  #ended() {
    return until('the instance has ended', () => this.exit !== undefined);
  }

  #ask(command: string, options: object = {}): Promise<unknown> {
    const id = ++this.#commands;
    const answered = new Promise((resolve) => this.#answers.set(id, resolve));
    this.#child.send({ id, command, ...options });
    return Promise.race([answered, this.#exited]);
  }

  #take(message: FromHost): void {
    if (message.kind === 'ready') {
      this.functions = message.functions;
      this.#port = message.port;
    } else if (message.kind === 'begun') this.begun.push(message.name);
    else if (message.kind === 'invocation') this.invocations.push(message);
    else this.#answers.get(message.id)?.(message.answer);
  }
}

/** A deployment on the embedded engine: a registry, tenants, and as many instances as a test starts. */
export class FunctionsApp {
  readonly place: SqlitePlace;
  readonly #azurite: () => Azurite;
  readonly #instances: Instance[] = [];
  readonly #timer: TimerLock = {};
  #library: MultiOutbox | undefined;

  /** Registers the cleaning up; called at the top of a file. */
  constructor(azurite: () => Azurite) {
    this.#azurite = azurite;
    // Hooks run in the order in which they were added, so no instance is left when the place removes its files.
    afterEach(async () => {
      await Promise.all(this.#instances.splice(0).map((instance) => instance.kill()));
      await this.#library?.close();
      this.#library = undefined;
      await azurite().clear();
    });
    this.place = new SqlitePlace();
  }

  /** The same registry and tenants, seen from this process. */
  get library(): MultiOutbox {
    this.#library ??= createMultiOutbox({
      registry: this.place.registryUrl,
      sqlite: { synchronous: 'normal', busyTimeoutMs: '20s' },
    });
    return this.#library;
  }

  async tenants(...ids: string[]): Promise<void> {
    await this.library.migrate({ tenants: [] });
    for (const id of ids) await this.library.tenants.add({ id });
    await this.library.migrate();
  }

  /** Enqueues one mail for each text; the mail's file shows that it was dispatched. */
  mails(subjects: readonly string[]) {
    return subjects.map((subject) => ({
      topic: 'email.send',
      payload: { to: 'ann@example.com', subject, text: subject },
    }));
  }

  /** Messages of a tenant whose mail was written, by id. */
  dispatched(tenantId: string): string[] {
    try {
      return readdirSync(path.join(this.place.file('mail'), tenantId)).filter((name) =>
        name.endsWith('.eml'),
      );
    } catch {
      return [];
    }
  }

  async start(
    settings: Readonly<Record<string, string>> = {},
    options?: { folder?: string; hiddenSeconds?: number },
  ): Promise<Instance> {
    // infra/ creates them in Azure.
    await this.#azurite().createQueues(...functionQueues);
    const inherited = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !/^(MULTI_OUTBOX_|NODE_OPTIONS)/.test(name)),
    );
    const instance = new Instance(
      {
        ...inherited,
        AzureWebJobsStorage: this.#azurite().connectionString,
        MULTI_OUTBOX_REGISTRY: this.place.registryUrl,
        MULTI_OUTBOX_MAIL_FOLDER: this.place.file('mail'),
        MULTI_OUTBOX_SQLITE_SYNCHRONOUS: 'normal',
        // Only the test makes plans, however slow this machine is; no plan is late.
        MULTI_OUTBOX_PLAN_INTERVAL: '1h',
        ...settings,
      },
      options,
      this.#timer,
    );
    this.#instances.push(instance);
    return instance.ready();
  }
}
