import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { QueueServiceClient } from '@azure/storage-queue';
import { until } from './until.ts';

const program = path.resolve('node_modules/azurite/dist/src/queue/main.js');

const endWithParent = [
  '--import',
  pathToFileURL(path.resolve('test/chaos/fixtures/end-with-parent.mjs')).href,
];

/** The account of the emulator, with the key that its documentation publishes. */
const account = 'devstoreaccount1';
const key = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

/** A queue service on loopback, in memory: Azurite, started and stopped by the test. */
export class Azurite {
  readonly connectionString: string;
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #queues: QueueServiceClient;

  static async start(): Promise<Azurite> {
    const folder = mkdtempSync(path.join(tmpdir(), 'multi-outbox-azurite-'));
    const options = ['--silent', '--skipApiVersionCheck', '--inMemoryPersistence', '--disableTelemetry'];
    // The service ends with this process, even if this process crashes.
    const child = spawn(process.execPath, [...endWithParent, program, ...options, '--queuePort', '0'], {
      cwd: folder,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    const url = await until('Azurite listens', () => {
      if (child.exitCode !== null) throw new Error(`Azurite ended: ${output}`);
      return /listens on (http:\S+)/.exec(output)?.[1];
    });
    return new Azurite(child, folder, url);
  }

  private constructor(child: ChildProcess, folder: string, url: string) {
    this.#child = child;
    this.#folder = folder;
    this.connectionString = `DefaultEndpointsProtocol=http;AccountName=${account};AccountKey=${key};QueueEndpoint=${url}/${account};`;
    this.#queues = QueueServiceClient.fromConnectionString(this.connectionString);
  }

  async createQueues(...queueNames: readonly string[]): Promise<void> {
    await Promise.all(queueNames.map((name) => this.#queues.getQueueClient(name).createIfNotExists()));
  }

  async queueNames(): Promise<string[]> {
    const names: string[] = [];
    for await (const { name } of this.#queues.listQueues()) names.push(name);
    return names;
  }

  async deleteQueues(): Promise<void> {
    for (const name of await this.queueNames()) await this.#queues.getQueueClient(name).delete();
  }

  /** Puts a message into a queue, as plain text: the default of the queue libraries. */
  async send(
    queueName: string,
    content: unknown,
    { encoding = 'utf8', secondsToLive }: { encoding?: 'utf8' | 'base64'; secondsToLive?: number } = {},
  ): Promise<void> {
    await this.createQueues(queueName);
    const text = typeof content === 'string' ? content : JSON.stringify(content);
    await this.#queues.getQueueClient(queueName).sendMessage(Buffer.from(text).toString(encoding), {
      ...(secondsToLive !== undefined && { messageTimeToLive: secondsToLive }),
    });
  }

  /** When the visible messages of a queue expire, 32 at most. */
  async expirations(queueName: string): Promise<Date[]> {
    const { peekedMessageItems } = await this.#queues
      .getQueueClient(queueName)
      .peekMessages({ numberOfMessages: 32 });
    return peekedMessageItems.map(({ expiresOn }) => expiresOn);
  }

  /** The number of messages in a queue, invisible ones included; 0 if the queue does not exist. */
  async count(queueName: string): Promise<number> {
    const queue = this.#queues.getQueueClient(queueName);
    if (!(await queue.exists())) return 0;
    return (await queue.getProperties()).approximateMessagesCount ?? 0;
  }

  /** Removes all messages, so that the next test begins with empty queues. */
  async clear(): Promise<void> {
    for (const name of await this.queueNames()) await this.#queues.getQueueClient(name).clearMessages();
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
