/** A function app: a timer plans on one instance, and a queue brings the requests to any instance (functions/). */
import { setTimeout as pause } from 'node:timers/promises';
import { isMultiOutboxError } from '../../../src/errors.ts';
import { parseDispatchRequest } from '../../../src/fleet/dispatch/request-format.ts';
import { parseRequestPage, requestPages } from '../../../src/fleet/dispatch/request-pages.ts';
import type { DispatchRequest } from '../../../src/fleet/dispatch-request.ts';
import type { PoisonedQueue } from '../../../src/fleet/operations/poison.ts';
import type { Settings } from '../../../src/settings.ts';
import { SimulatedProcess } from '../machine/process.ts';
import type { World } from '../world.ts';
import { type Topic, topics } from './handlers.ts';
import { type Host, type Member, type MemberOptions, startMember } from './member.ts';
import { StorageQueue } from './storage-queue.ts';

/** Virtual milliseconds between two ticks of the timer; more ticks where many plans are needed to see whom they leave out. */
const tickMs = 2_000;
const crowdedTickMs = 1_000;
/** Plans of more tenants than this go out in pages. */
const pageSize = 3;

class Instance implements Host {
  readonly member: Member;
  readonly name: string;
  readonly handled: readonly Topic[];
  readonly terminating = new AbortController();

  constructor(world: World, name: string, options: MemberOptions) {
    this.name = name;
    this.handled = options.handled ?? [];
    this.member = startMember(world, name, options);
    world.journal.note(name, 'starts as an instance of the function app');
  }

  get process(): SimulatedProcess {
    return this.member.process;
  }

  /** The platform tells the instance that it will end. */
  async stop(): Promise<void> {
    await this.process.run(async () => {
      this.terminating.abort();
      await this.member.multiOutbox.close();
    });
    this.process.hasClosed = true;
  }
}

export class FunctionApp {
  readonly #world: World;
  readonly #options: MemberOptions;
  instances: Instance[] = [];
  readonly #dispatch: StorageQueue;
  readonly #pages: StorageQueue;
  #started = 0;
  #isOver = false;

  /** @param until for how long HTTP requests store messages, in milliseconds of the history */
  constructor(world: World, count: number, options: MemberOptions, until: number) {
    this.#world = world;
    this.#options = options;
    const poison = (queue: PoisonedQueue) => (text: string) => this.#poisoned(text, queue);
    this.#dispatch = new StorageQueue(world, {
      name: 'queue',
      deliver: (text) => this.#dispatched(text),
      poison: poison('dispatch'),
    });
    this.#pages = new StorageQueue(world, {
      name: 'pages',
      deliver: (text) => this.#split(text),
      poison: poison('pages'),
    });
    for (let index = 0; index < count; index++) this.start(topics);
    SimulatedProcess.outside(() => this.#tick());
    void SimulatedProcess.outside(() => this.#requests(until));
  }

  start(handled: readonly Topic[], settings?: Settings): Instance {
    const options = { ...this.#options, handled, settings };
    const instance = new Instance(this.#world, `func-${++this.#started}`, options);
    this.instances.push(instance);
    return instance;
  }

  dropDead(): void {
    this.instances = this.instances.filter(({ process }) => !process.isDead);
  }

  /** No more ticks; requests in the queue are still delivered while an instance lives. */
  end(): void {
    this.#isOver = true;
  }

  /** The timer is a singleton: it fires on one instance. */
  #tick(): void {
    if (this.#isOver) return;
    setTimeout(() => this.#tick(), this.#world.isCrowded ? crowdedTickMs : tickMs);
    const instance = this.#anyInstance();
    if (instance === undefined) return;
    void instance.process.run(() => this.#plan(instance)).catch(() => {});
  }

  async #plan({ member, terminating }: Instance): Promise<void> {
    if (terminating.signal.aborted) return;
    const { requests } = await member.multiOutbox.plan();
    // The host sends the outputs of an invocation; a dead process has none.
    if (requests.length <= pageSize) for (const request of requests) this.#dispatch.send(request);
    else for (const page of requestPages(requests, pageSize)) this.#pages.send(page);
  }

  async #split(text: string): Promise<void> {
    await this.#onInstance(async () => {
      for (const request of parseRequestPage(JSON.parse(text))) this.#dispatch.send(request);
    });
  }

  /** HTTP requests that store messages. The host sends the outputs of an invocation when it has ended. */
  async #requests(until: number): Promise<void> {
    const { random, time, busyTenants } = this.#world;
    while (time.now < until) {
      await pause(random.between(500, 4_000));
      const tenantId = random.pick(busyTenants).id;
      const message = { topic: random.pick(topics), payload: {} };
      const invocation = this.#onInstance(async ({ member }) => {
        const requests: DispatchRequest[] = [];
        const calls = member.multiOutbox.sending((request) => void requests.push(request));
        await calls.outbox(tenantId).enqueue(message);
        for (const request of requests) this.#dispatch.send(request);
      });
      void invocation.catch(() => {});
    }
  }

  #dispatched(text: string): Promise<void> {
    return this.#onInstance(async ({ member, terminating }) => {
      const request = parseDispatchRequest(JSON.parse(text));
      try {
        const report = await member.multiOutbox.dispatch(request, {
          signal: terminating.signal,
          continues: true,
        });
        if (report.continuation) this.#dispatch.send(report.continuation);
      } catch (error) {
        if (isMultiOutboxError(error, 'INVALID_ARGUMENT') || isMultiOutboxError(error, 'UNKNOWN_TENANT'))
          return;
        throw error;
      }
    });
  }

  #poisoned(text: string, queue: PoisonedQueue): Promise<void> {
    return this.#onInstance(async ({ member }) => {
      const { requests } = await member.multiOutbox.poisoned(JSON.parse(text), queue);
      for (const request of requests) this.#dispatch.send(request);
    });
  }

  #onInstance(work: (instance: Instance) => Promise<void>): Promise<void> {
    const instance = this.#anyInstance();
    if (instance === undefined) return Promise.reject(new Error('no instance is alive'));
    return instance.process.run(() => work(instance));
  }

  #anyInstance(): Instance | undefined {
    const living = this.instances.filter(
      ({ process, terminating }) => !process.isDead && !terminating.signal.aborted,
    );
    return living.length === 0 ? undefined : this.#world.random.pick(living);
  }
}
