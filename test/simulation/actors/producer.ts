/** An application that stores messages: by itself, in transactions of its own, or with plain SQL. */
import { setTimeout as pause } from 'node:timers/promises';
import type { MessageInput } from '../../../src/queue/message.ts';
import { deadlyPayload, failingPayload } from '../models/messages.ts';
import type { TenantModel } from '../models/tenant-model.ts';
import type { World } from '../world.ts';
import { inboxTopic, topics } from './handlers.ts';
import { type Member, startMember } from './member.ts';

const keys = ['north', 'south'] as const;

export interface ProducerOptions {
  readonly name: string;
  /** Milliseconds between two acts, on average. */
  readonly everyMs: number;
  /** Until then, in milliseconds of the history. */
  readonly until: number;
}

export class Producer {
  readonly #world: World;
  readonly #options: ProducerOptions;
  #member: Member;
  #restarts = 0;
  #received = 0;

  constructor(world: World, options: ProducerOptions) {
    this.#world = world;
    this.#options = options;
    this.#member = startMember(world, options.name);
    this.#begin();
  }

  /** The process that runs now: a producer that dies is started again. */
  get member(): Member {
    return this.#member;
  }

  #begin(): void {
    this.#world.wakes.began(this.#member.process);
    void this.#member.process.run(() => this.#loop(this.#member));
  }

  async #loop(member: Member): Promise<void> {
    const { random, time } = this.#world;
    while (time.now < this.#options.until) {
      await pause(random.between(1, 2 * this.#options.everyMs));
      const tenant = random.pick(this.#world.busyTenants);
      try {
        if (random.chance(0.25)) await this.#inTransaction(member, tenant);
        else if (random.chance(0.2)) await this.#receive(member, tenant);
        else await this.#enqueue(member, tenant);
      } catch (error) {
        this.#note(`${tenant.id}: ${(error as { code?: string }).code ?? error}`);
      }
    }
  }

  async #enqueue({ multiOutbox, process }: Member, tenant: TenantModel): Promise<void> {
    const wake = this.#wakes();
    if (wake) this.#world.wakes.stores(process, tenant.id);
    await multiOutbox.outbox(tenant.id).enqueue(this.#messages(), { wake });
  }

  /** A business transaction: it commits messages together with rows of its own, or neither. */
  async #inTransaction({ multiOutbox, process }: Member, tenant: TenantModel): Promise<void> {
    const world = this.#world;
    const { generation } = tenant;
    const transaction = await world.transaction(tenant, process);
    const { driver } = transaction;
    try {
      const wake = world.random.chance(0.7) && this.#wakes();
      await multiOutbox.outbox(tenant.id).enqueue(this.#messages(), { transaction: driver, wake });
      if (world.strikes('producer holds its transaction')) {
        const ms = world.faults.random.pick([100, 600, 3_000, 9_000]);
        world.trouble(tenant.id, ms);
        await pause(ms);
      } else await pause(world.random.pick([0, 5, 40]));
      if (tenant.generation !== generation || world.strikes('producer rolls back')) {
        await transaction.rollback();
        world.transactions.rolledBack(driver);
        // Where the file was replaced, nobody can see that it was no commit; a wake too many costs a look.
        if (wake) world.wakes.stores(process, tenant.id);
        this.#note(`${tenant.id}: rolls back`);
        return;
      }
      await transaction.commit();
      const diesNow = world.strikes('producer dies before the wake');
      world.checked(() => {
        world.transactions.committed(driver, wake && !diesNow);
        if (wake) world.wakes.stores(process, tenant.id);
        return '';
      });
      this.#note(`${tenant.id}: commits`);
      if (diesNow) this.#die();
      else await pause(20);
    } finally {
      if (!process.isDead) await transaction.close();
    }
  }

  async #receive({ multiOutbox, process }: Member, tenant: TenantModel): Promise<void> {
    this.#world.wakes.stores(process, tenant.id);
    // The source repeats some of its messages.
    const id = this.#world.random.chance(0.8) ? ++this.#received : this.#received;
    await multiOutbox.inbox(tenant.id).receive({
      source: this.#options.name,
      messageId: `payment-${id}`,
      topic: inboxTopic,
      payload: { id },
    });
  }

  /** Where some tenants are much busier than others, mostly plans choose: a wake would choose its tenant past them. */
  #wakes(): boolean {
    const { busyTenants, tenants, random } = this.#world;
    return busyTenants.length === tenants.length || random.chance(0.1);
  }

  #messages(): MessageInput[] {
    const { random } = this.#world;
    const count = random.chance(0.03) ? 12 : random.pick([1, 1, 1, 2, 5]);
    // Some send many messages of one key together.
    const key = random.chance(0.15) ? random.pick(keys) : undefined;
    return Array.from({ length: count }, () => ({
      topic: random.pick(topics),
      payload: this.#payload(),
      ...((key !== undefined || random.chance(0.35)) && { orderingKey: key ?? random.pick(keys) }),
      ...(random.chance(0.15) && { delay: random.pick([300, 2_000, 9_000]) }),
      ...(random.chance(0.1) && { dedupKey: `once-${random.between(1, 9)}` }),
    }));
  }

  #payload(): unknown {
    if (this.#world.strikes('message kills its process')) return deadlyPayload;
    return this.#world.strikes('message always fails') ? failingPayload : {};
  }

  #die(): void {
    const { process } = this.#member;
    this.#world.kill(process);
    this.#note('is started again');
    this.#member = startMember(this.#world, `${this.#options.name}.${++this.#restarts}`);
    // Not as part of the dead process.
    this.#begin();
  }

  #note(text: string): void {
    this.#world.journal.note(this.#options.name, text);
  }
}
