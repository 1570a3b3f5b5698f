/** The processes of one history, and how long each part of it lasts. */
import { setTimeout as pause } from 'node:timers/promises';
import type { TenantInput } from '../../src/fleet/tenants/definition.ts';
import type { Settings } from '../../src/settings.ts';
import { glitchingDirectory } from './actors/directory.ts';
import { Environment } from './actors/environment.ts';
import { FunctionApp } from './actors/function-app.ts';
import { type Topic, topics } from './actors/handlers.ts';
import { LeaseUser } from './actors/lease-user.ts';
import { LocalHost } from './actors/local-host.ts';
import type { Host, Member, MemberOptions } from './actors/member.ts';
import { Operator } from './actors/operator.ts';
import { Producer } from './actors/producer.ts';
import { SimulatedProcess } from './machine/process.ts';
import { changedSettings } from './settings.ts';
import type { World } from './world.ts';

/** How the fleet's hosts are started. */
type Style = 'local' | 'functions' | 'both';

export class Fleet {
  readonly #world: World;
  readonly #style: Style;
  readonly #options: MemberOptions;
  readonly #environment: Environment;
  readonly #operator: Operator;
  readonly #producers: readonly Producer[];
  readonly #leaseUsers: readonly LeaseUser[];
  readonly #functionApp: FunctionApp | undefined;
  #localHosts: LocalHost[] = [];
  #started = 0;
  readonly #troubledMs: number;

  /** @param troubledMs for how long things go wrong */
  constructor(world: World, tenants: readonly TenantInput[], troubledMs: number) {
    const { random } = world;
    this.#world = world;
    this.#troubledMs = troubledMs;
    const style = random.pick(['local', 'local', 'functions', 'both'] as const);
    // A function app dispatches only what its plans choose.
    this.#style = world.isCrowded ? 'functions' : style;
    const directory = random.chance(0.25) ? glitchingDirectory(world, tenants) : undefined;
    this.#options = { directory };
    this.#environment = new Environment(world);
    this.#operator = new Operator(world, tenants);
    if (this.#style !== 'local')
      this.#functionApp = new FunctionApp(world, random.between(1, 3), this.#options, troubledMs);
    if (this.#style !== 'functions')
      for (let count = random.between(1, 3); count > 0; count--) this.#startLocal(topics);
    this.#producers = Array.from({ length: random.between(1, 2) }, (_, index) => {
      const everyMs = random.pick([300, 1_000, 3_000, 8_000]);
      const name = `app-${index + 1}`;
      return new Producer(world, { name, everyMs: world.isCrowded ? 300 : everyMs, until: troubledMs });
    });
    const leaseUsers = random.chance(0.6) ? ['export-1', 'export-2'] : [];
    this.#leaseUsers = leaseUsers.map((name) => new LeaseUser(world, name, troubledMs));
    void SimulatedProcess.outside(() => this.#supervise(troubledMs));
  }

  /** The processes that dispatch. */
  get hosts(): readonly Host[] {
    return [...this.#localHosts, ...(this.#functionApp?.instances ?? [])];
  }

  /** From now on nothing goes wrong, and everything that was switched off comes back. */
  heal(): void {
    const { journal, faults } = this.#world;
    journal.note('world', 'nothing goes wrong any more');
    faults.end();
    this.#environment.heal();
    for (const { process } of [...this.hosts, ...this.#members]) process.thaw();
    this.#dropDead();
    for (const host of this.hosts) if (host.handled.length < topics.length) void host.stop();
    if (this.#style === 'functions') this.#functionApp!.start(topics);
    else this.#startLocal(topics);
    const { process } = this.#operator.member;
    // Its process may have died.
    const operator = process.isDead ? this.#operator.successor() : this.#operator;
    void operator.member.process.run(() => this.#tidyUp(operator));
  }

  /** No more ticks of the function app's timer. */
  end(): void {
    this.#functionApp?.end();
  }

  get #members(): readonly Member[] {
    return [
      this.#operator.member,
      ...this.#producers.map(({ member }) => member),
      ...this.#leaseUsers.map(({ member }) => member),
    ];
  }

  async #tidyUp(operator: Operator): Promise<void> {
    const replays = this.#world.random.chance(0.75);
    // A call that is still on its way may pause a tenant.
    await operator.done();
    for (let tries = 1; tries <= 20; tries++) {
      try {
        await operator.activateAll();
        if (replays) await operator.replayAll();
        return;
      } catch (error) {
        // The directory may have added the tenant meanwhile, or a transaction has the write lock.
        this.#world.journal.note(
          'operator',
          `tidies up again: ${(error as { code?: string }).code ?? error}`,
        );
        await pause(1_000);
      }
    }
    this.#world.broken('the operator', 'could not make every tenant active again');
  }

  /** Something may go wrong, an operator may act, and dead processes are started again. */
  async #supervise(until: number): Promise<void> {
    const { time, random, tenants } = this.#world;
    while (time.now < until) {
      await pause(random.between(300, 1_500));
      if (time.now >= until) return;
      this.#environment.act(random.pick(tenants));
      const { process } = this.#operator.member;
      void process.run(() => this.#operator.act(random.pick(tenants)));
      this.#deploy();
      if (random.chance(0.3)) this.#restartDead();
    }
  }

  /** Hosts are stopped, and started with other handlers. */
  #deploy(): void {
    const { random, faults } = this.#world;
    const living = this.hosts.filter(({ process }) => !process.isDead);
    if (living.length === 0) return;
    if (faults.strikes('deployment changes the handlers')) {
      void random.pick(living).stop();
      const settings = changedSettings(this.#world.settings, faults.random);
      this.#world.registry.deployed(settings);
      this.#start(
        topics.filter(() => faults.random.chance(0.6)),
        settings,
      );
    }
    // An ordinary end of a host is no fault.
    if (faults.strikes('host is stopped') || random.chance(0.03)) {
      void random.pick(living).stop();
      this.#start(topics);
    }
  }

  #restartDead(): void {
    const dead = this.hosts.filter(({ process }) => process.isDead);
    this.#dropDead();
    for (const _ of dead) this.#start(topics);
  }

  #dropDead(): void {
    this.#localHosts = this.#localHosts.filter(({ process }) => !process.isDead);
    this.#functionApp?.dropDead();
  }

  #start(handled: readonly Topic[], settings?: Settings): void {
    if (this.#functionApp !== undefined && (this.#style === 'functions' || this.#world.random.chance(0.5))) {
      this.#functionApp.start(handled, settings);
    } else this.#startLocal(handled, settings);
  }

  #startLocal(handled: readonly Topic[], settings?: Settings): void {
    const name = `host-${++this.#started}`;
    const options = { ...this.#options, handled, settings };
    this.#localHosts.push(new LocalHost(this.#world, name, options, this.#troubledMs));
  }
}
