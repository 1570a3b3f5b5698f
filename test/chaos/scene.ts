/** One test of the kill suite: a fleet, the server for its effects, the hosts that are killed, and the final balance. */
import { resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { closeBooks, type Figures } from './accounting.ts';
import { Casualties } from './casualties.ts';
import { Effects } from './effects.ts';
import { Fleet } from './fleet.ts';
import type { KillHarness } from './harness.ts';
import { Program } from './program.ts';
import { Random } from './random.ts';
import { fastEnvironment } from './settings.ts';
import { until } from './until.ts';
import { sendWave, type Workload } from './workload.ts';

/** How many times each test kills; the default keeps the suite short. */
export const rounds = Number(process.env.MULTI_OUTBOX_TEST_ROUNDS ?? 2);
const givenSeed = process.env.MULTI_OUTBOX_TEST_SEED;

/** The timeout for jest: a round takes about a second, and slow machines get ten times that. */
export function timeoutMs(roundsOfTest: number): number {
  return 60_000 + roundsOfTest * 10_000;
}

export interface SceneOptions {
  readonly tenants?: number;
  readonly workload?: Workload;
  /** Milliseconds until the receiver answers, between these two. */
  readonly latencyMs?: readonly [number, number];
  /** Settings that differ from the suite's. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Leases are long enough for a busy machine. */
  readonly patient?: true;
  /** Arguments of the hosts before the command. */
  readonly args?: readonly string[];
}

export interface KillAt {
  readonly point: string;
  /** The process is killed when it passes the point for this time, counted from 1. */
  readonly count: number;
}

export class Scene {
  readonly random: Random;
  readonly fleet: Fleet;
  readonly effects: Effects;
  readonly casualties: Casualties;
  readonly #options: SceneOptions;
  readonly #programs: Program[] = [];

  private constructor(random: Random, fleet: Fleet, effects: Effects, options: SceneOptions) {
    this.random = random;
    this.fleet = fleet;
    this.effects = effects;
    this.casualties = new Casualties(fleet);
    this.#options = options;
  }

  /** Runs a test on its own stage. A failure reports the seed and the last output of the processes. */
  static async play(
    harness: KillHarness,
    options: SceneOptions,
    test: (scene: Scene) => Promise<Figures | undefined>,
  ): Promise<void> {
    const seed = givenSeed === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(givenSeed);
    const random = new Random(seed);
    const [low, high] = options.latencyMs ?? [0, 25];
    const cleanUp: (() => Promise<void>)[] = [];
    let scene: Scene | undefined;
    try {
      const effects = await Effects.start({ latencyMs: () => random.between(low, high) });
      cleanUp.push(() => effects.close());
      const stage = await harness.create();
      cleanUp.push(() => stage.dispose());
      const tenantIds = Array.from({ length: options.tenants ?? 3 }, (_, index) => `tenant-${index + 1}`);
      const fleet = new Fleet(stage, tenantIds);
      // Only this scene's: the next test may have begun if this one has timed out.
      cleanUp.push(
        () => fleet.close(),
        async () => {
          if (scene) await Promise.all(scene.#programs.map((program) => program.kill()));
        },
      );
      await fleet.create();
      scene = new Scene(random, fleet, effects, options);
      const figures = await test(scene);
      if (figures && process.env.MULTI_OUTBOX_TEST_ROUNDS) scene.#tell(figures);
    } catch (error) {
      throw explained(error, seed, scene === undefined ? [] : scene.#programs);
    } finally {
      for (const step of cleanUp.reverse()) await step();
    }
  }

  /** A continuous host, which ends itself at the point given. */
  startHost(killAt?: KillAt): Program {
    return this.startProgram(['run', '--json'], killAt);
  }

  startProgram(args: readonly string[], killAt?: KillAt): Program {
    return this.#started(new Program([...(this.#options.args ?? []), ...args], this.#environment(killAt)));
  }

  /** Another program than the command line: a script of test/chaos/fixtures, with its job as its argument. */
  startFixture(name: string, job: object, killAt?: KillAt): Program {
    const script = resolve('test/chaos/fixtures', name);
    return this.#started(new Program([JSON.stringify(job)], this.#environment(killAt), script));
  }

  #started(program: Program): Program {
    this.#programs.push(program);
    return program;
  }

  #environment(killAt?: KillAt): Record<string, string> {
    const { stage } = this.fleet;
    return {
      ...fastEnvironment,
      ...stage.environment,
      ...(this.#options.patient && { MULTI_OUTBOX_LEASE: stage.patientLease }),
      ...this.#options.environment,
      MULTI_OUTBOX_REGISTRY: stage.registry,
      MULTI_OUTBOX_TEST_EFFECTS: this.effects.url,
      ...(killAt && {
        MULTI_OUTBOX_TEST_KILL_AT: killAt.point,
        MULTI_OUTBOX_TEST_KILL_COUNT: String(killAt.count),
      }),
    };
  }

  async sendWave(): Promise<void> {
    await sendWave(this.fleet, this.effects, this.random, this.#options.workload ?? { size: 24 });
  }

  /** Messages sent that have taken no effect yet. */
  get outstanding(): number {
    return this.fleet.sent.size - this.effects.messages;
  }

  /** Keeps the host in work, wave after wave, until it is killed; counts what was in flight then. */
  async feedUntilKilled(host: Program): Promise<void> {
    const enough = (this.#options.workload?.size ?? 24) / 2;
    await until(
      `process ${host.pid} was killed`,
      async () => {
        if (host.exit === undefined && this.outstanding < enough) await this.sendWave();
        return host.exit !== undefined;
      },
      60_000,
    );
    await this.countKilled(host);
  }

  /** Kills now, and counts what was in flight. */
  async kill(host: Program): Promise<void> {
    const killedAt = performance.now();
    await host.kill();
    await this.countKilled(host, killedAt);
  }

  /**
   * Counts the messages in flight of a killed process. Without `killedAt` it first waits for the end of a process that
   * kills itself.
   */
  async countKilled(host: Program, killedAt?: number): Promise<void> {
    expect(await host.exited).toEqual({ code: null, signal: 'SIGKILL' });
    await this.casualties.count(host, killedAt ?? performance.now());
  }

  /** Waits for something that the host is to bring about; fails at once if it ends instead. */
  async whileAlive(
    hosts: readonly Program[],
    what: string,
    ask: () => boolean | Promise<boolean>,
    deadlineMs?: number,
  ): Promise<void> {
    await until(
      what,
      () => {
        expect(hosts.map(({ exit }) => exit)).toEqual(hosts.map(() => undefined));
        return ask();
      },
      deadlineMs,
    );
  }

  /** Lets the hosts dispatch the remaining messages, stops them gracefully, and checks the balance. */
  async finish(hosts: readonly Program[] = [this.startHost()]): Promise<Figures> {
    // Many hosts and their server may share few processors.
    await this.whileAlive(
      hosts,
      'everything is settled',
      async () => {
        expect(await this.fleet.deaths()).toBe(0);
        return this.outstanding === 0 && this.fleet.settled();
      },
      120_000,
    );
    await this.stop(hosts);
    return closeBooks(this.fleet, this.effects, this.casualties);
  }

  async stop(hosts: readonly Program[]): Promise<void> {
    for (const host of hosts) {
      // Wait until the host is up: before that, SIGTERM ends it at once, as it ends any process.
      await this.whileAlive([host], 'the host is up', () => host.isUp);
      host.signal('SIGTERM');
      expect(await host.exited).toEqual({ code: 0, signal: null });
      this.casualties.interruptions(host);
    }
    // A server may take long to end the sessions of many hosts, and opens none meanwhile.
    for (const { pid } of hosts) await this.fleet.stage.gone?.(pid);
  }

  /** Waits up to `mostMs` milliseconds: a random moment to kill is not a condition to wait for. */
  async moment(mostMs: number): Promise<void> {
    await pause(this.random.next() * mostMs);
  }

  #tell({ kills, messages, duplicates, bound, uncertain }: Figures): void {
    const { currentTestName } = expect.getState();
    process.stderr.write(
      `${currentTestName}: ${kills} kills, ${messages} messages, ${duplicates} duplicates of at most ${bound}` +
        `${uncertain > 0 ? ` (${uncertain} uncertain)` : ''}\n`,
    );
  }
}

/** The error with the seed and the output of the last processes. */
function explained(error: unknown, seed: number, programs: readonly Program[]): unknown {
  if (!(error instanceof Error)) return error;
  const words = programs
    .slice(-3)
    .map((program) => `--- process ${program.pid} ${JSON.stringify(program.exit)}\n${program.lastWords}`);
  error.message = `${error.message}\n\nRepeat with MULTI_OUTBOX_TEST_SEED=${seed}\n${words.join('\n')}`;
  return error;
}
