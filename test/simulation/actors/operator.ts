/** What operators do to the fleet while it works: they pause, move, change, retire, replay, discard, and free leases. */
import { setTimeout as pause } from 'node:timers/promises';
// The first call of `messages` loads this, which would take real time.
import '../../../src/fleet/messages/index.ts';
import { type QueueName, queueNames } from '../../../src/engine/work-queue.ts';
import type { TenantInput } from '../../../src/fleet/tenants/definition.ts';
import type { TenantModel } from '../models/tenant-model.ts';
import type { World } from '../world.ts';
import { type Member, startMember } from './member.ts';

export class Operator {
  readonly #world: World;
  readonly #tenants: readonly TenantInput[];
  readonly member: Member;
  readonly #acting = new Set<Promise<void>>();

  constructor(world: World, tenants: readonly TenantInput[]) {
    this.#world = world;
    this.#tenants = tenants;
    this.member = startMember(world, 'operator');
  }

  /** Another one, in a process of its own. */
  successor(): Operator {
    return new Operator(this.#world, this.#tenants);
  }

  /** Perhaps does something to a tenant. */
  act(tenant: TenantModel): Promise<void> {
    const acting = this.#act(tenant);
    this.#acting.add(acting);
    return acting.finally(() => this.#acting.delete(acting));
  }

  /** Its calls may be on their way for long. Resolves when none is. */
  async done(): Promise<void> {
    await Promise.all(this.#acting);
  }

  async #act(tenant: TenantModel): Promise<void> {
    const { strikes } = this;
    const { tenants, leases } = this.member.multiOutbox;
    if (strikes('tenant is paused')) await this.#try(() => tenants.pause(tenant.id));
    else if (strikes('tenant is retired')) await this.#try(() => tenants.remove(tenant.id));
    if (strikes('tenant is moved')) await this.#try(() => this.#move(tenant));
    if (strikes('tenant is changed')) await this.#try(() => tenants.change(this.#changed(tenant.id)));
    if (this.#world.random.chance(0.1)) await this.#try(() => this.#activate(tenant.id));
    if (strikes('dead messages are replayed'))
      await this.#try(() => this.#onDead('replay', tenant.id, 'outbox'));
    if (strikes('dead messages are discarded'))
      await this.#try(() => this.#onDead('discard', tenant.id, 'outbox'));
    if (strikes('lease is freed by an operator')) {
      tenant.troubles++;
      await this.#try(() => leases(tenant.id).release('queue:outbox'));
    }
  }

  /** Makes every tenant active again. Rejects while the registry does not answer. */
  async activateAll(): Promise<void> {
    for (const { id } of this.#tenants) await this.#activate(id);
  }

  async replayAll(): Promise<void> {
    for (const { id } of this.#tenants) {
      for (const queue of queueNames) await this.#onDead('replay', id, queue);
    }
  }

  /** Without versions, so that the model can tell which messages are changed. */
  async #onDead(act: 'replay' | 'discard', tenantId: string, queue: QueueName): Promise<number> {
    const { messages } = this.member.multiOutbox;
    const page = await messages.list({ tenantId, queue, filter: { states: ['dead'] }, limit: 1_000 });
    const ids = page.messages.map(({ messageId }) => messageId);
    return (await messages.act({ tenantId, queue, act, messages: ids })).changed.length;
  }

  readonly strikes = (fault: Parameters<World['strikes']>[0]): boolean => this.#world.strikes(fault);

  async #activate(id: string): Promise<void> {
    const { tenants } = this.member.multiOutbox;
    const known = (await tenants.list()).find((tenant) => tenant.id === id);
    const definition = this.#definition(id);
    if (known === undefined || known.status === 'retired') await tenants.add(definition);
    else if (known.database !== definition.database) await tenants.change(definition);
    // A directory's tenant that an operator had paused stays paused when it is added again.
    if (known?.status !== 'active') await tenants.resume(id);
  }

  /** Moves the tenant's database to another file. The pause may be too short for its runs to end. */
  async #move(tenant: TenantModel): Promise<void> {
    const { tenants } = this.member.multiOutbox;
    const { faults, databases, journal } = this.#world;
    await tenants.pause(tenant.id);
    await pause(faults.random.pick([0, 500, 4_000]));
    tenant.moveTo(databases.file(`tenants/${tenant.id}-${tenant.generation + 1}.db`));
    journal.note('operator', `moves the database of ${tenant.id}`);
    await tenants.change(this.#definition(tenant.id));
    await tenants.resume(tenant.id);
  }

  #changed(id: string): TenantInput {
    const { random } = this.#world.faults;
    const { batchSize, concurrency } = this.#world.settings.dispatch;
    return {
      ...this.#definition(id),
      priority: random.pick([0, 9]),
      overrides: {
        batchSize: random.between(1, batchSize),
        concurrency: random.between(1, concurrency),
      },
    };
  }

  #definition(id: string): TenantInput {
    return this.#world.definition(this.#tenants.find((tenant) => tenant.id === id)!);
  }

  async #try(act: () => Promise<unknown>): Promise<void> {
    try {
      await act();
    } catch (error) {
      this.#world.journal.note('operator', `fails: ${(error as { code?: string }).code ?? error}`);
    }
  }
}
