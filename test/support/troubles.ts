/**
 * Fleets in trouble, as an operator meets them. Each is staged with real hosts on the embedded engine; a wrong password, which
 * needs a server, is in wrong-password.ts.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, renameSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import type { MultiOutbox, MultiOutboxOptions } from '../../src/multi-outbox.ts';
import { defineHandler, type HandlerDefinition } from '../../src/queue/handler.ts';
import { deferred } from './deferred.ts';
import type { FleetPlace } from './fleet-place.ts';
import type { Stage } from './operator-session.ts';
import { moveTimes } from './sqlite-times.ts';
import { until } from './until.ts';

const minutes = 60_000;
const isTime = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/;
/** Failed messages stay where the session finds them. */
const retry = { baseMs: '1h', maxDelayMs: '1h' } as const;
type Handle = HandlerDefinition['handle'];

/** A registry with tenants that become due only by wakes and known due times, so that no run comes between two commands. */
export class Theatre {
  readonly #place: FleetPlace;
  readonly folder: string;
  readonly #ids: readonly string[];

  constructor(place: FleetPlace, ...ids: readonly string[]) {
    this.#place = place;
    this.folder = place.folder;
    this.#ids = ids;
    mkdirSync(path.join(this.folder, '.data'));
  }

  /** Another host of the fleet. */
  host(
    handlers: Readonly<Record<string, Handle>> = {},
    definition: Partial<HandlerDefinition> = {},
    dispatch: MultiOutboxOptions['dispatch'] = {},
  ) {
    return this.#place.face({
      registry: `sqlite:${this.file('.data/registry.db')}`,
      owner: 'web-1:4711:0badcafe',
      retention: { doneMs: '1h' },
      dispatch,
      handlers: Object.entries(handlers).map(([topic, handle]) =>
        defineHandler({ retry, ...definition, topic, handle }),
      ),
    });
  }

  /** The first host. It has made the tenants, and has looked into their databases once. */
  async open(handlers?: Readonly<Record<string, Handle>>, definition?: Partial<HandlerDefinition>) {
    const host = this.host(handlers, definition);
    await host.migrate({ tenants: [] });
    for (const id of this.#ids) await host.tenants.add({ id, overrides: { idleCeilingMs: 'never' } });
    await host.migrate();
    await host.tick();
    return host;
  }

  file(name: string): string {
    return path.join(this.folder, name);
  }

  /** All that the registry knows happened earlier than it did. */
  passedInRegistry(ms: number): void {
    const file = this.file('.data/registry.db');
    moveTimes(file, -ms);
    const registry = new DatabaseSync(file, { timeout: 5_000 });
    const rows = registry.prepare('SELECT Id, FailingTopics FROM Tenants').all();
    const earlier = (_name: string, value: unknown) =>
      typeof value === 'string' && isTime.test(value)
        ? new Date(new Date(value).getTime() - ms).toISOString()
        : value;
    for (const { Id, FailingTopics } of rows) {
      const topics = JSON.stringify(JSON.parse(String(FailingTopics), earlier));
      registry.prepare('UPDATE Tenants SET FailingTopics = ? WHERE Id = ?').run(topics, String(Id));
    }
    registry.close();
  }

  /** All of this happened some minutes ago. */
  passed(ms: number): void {
    this.passedInRegistry(ms);
    for (const id of this.#ids) moveTimes(this.file(`.data/tenants/${id}.db`), -ms);
  }

  stage(host: MultiOutbox, rest: Omit<Stage, 'folder'> = {}): Stage {
    return { folder: this.folder, dispatch: () => host.tick(), ...rest };
  }
}

export const ok: Handle = () => {};
export const orders = (host: MultiOutbox, id: string, count: number, topic = 'orders.placed') =>
  host
    .outbox(id)
    .enqueue(Array.from({ length: count }, (_, index) => ({ topic, payload: { order: 1_001 + index } })));

/** Then the next try is so far away that it does not come due within the session, on a busy machine too. */
export async function failsThrice(host: MultiOutbox, id: string): Promise<void> {
  for (const _run of [1, 2, 3]) {
    await host.wake(id);
    await host.tick();
  }
}

export const stages: Readonly<Record<string, (place: FleetPlace) => Promise<Stage>>> = {
  async 'a-handler-throws'(place) {
    const theatre = new Theatre(place, 'acme', 'birch');
    let isCorrected = false;
    const host = await theatre.open({
      'orders.placed'() {
        if (!isCorrected) throw new TypeError("Cannot read properties of undefined (reading 'city')");
      },
    });
    await orders(host, 'acme', 3);
    await host.wake('acme');
    await host.tick();
    theatre.passed(6 * minutes);
    // Plans go on.
    await host.tick();
    const acts = {
      'Correct the handler, and deploy it.': () => {
        isCorrected = true;
      },
    };
    return theatre.stage(host, { acts });
  },

  async 'a-tenant-is-unreachable'(place) {
    const theatre = new Theatre(place, 'acme', 'birch');
    const first = await theatre.open({ 'orders.placed': ok });
    await orders(first, 'acme', 2);
    await first.close();
    const file = theatre.file('.data/tenants/acme.db');
    renameSync(file, `${file}.away`);
    const host = theatre.host({ 'orders.placed': ok });
    await failsThrice(host, 'acme');
    const acts = {
      'Bring the file back.': () => renameSync(`${file}.away`, file),
    };
    return theatre.stage(host, { acts });
  },

  async 'a-poison-message'(place) {
    const theatre = new Theatre(place, 'acme', 'birch');
    const host = await theatre.open({ 'images.resize': ok }, { retry: { maxAttempts: 2 } });
    await host.outbox('acme').enqueue({ topic: 'images.resize', payload: { image: 7 } });
    const library = pathToFileURL(path.join(__dirname, '../../dist/index.js')).href;
    for (const _attempt of [1, 2]) {
      await host.wake('acme');
      await killed(
        `import { createMultiOutbox, defineHandler } from ${JSON.stringify(library)};
        const handle = () => process.kill(process.pid, 'SIGKILL');
        const handlers = [defineHandler({ topic: 'images.resize', retry: { maxAttempts: 2 }, handle })];
        await createMultiOutbox({ handlers }).tick();`,
        theatre.folder,
      );
      // As when the killed host's lease has run out.
      await host.leases('acme').release('queue:outbox');
    }
    await host.tick();
    const acts = { 'Correct the handler, and deploy it.': () => {} };
    return theatre.stage(host, { acts });
  },

  async 'a-parked-topic'(place) {
    const theatre = new Theatre(place, 'acme', 'birch');
    const host = await theatre.open({ 'orders.placed': ok });
    await orders(host, 'birch', 4, 'invoices.sent');
    await host.wake('birch');
    await host.tick();
    let serving = host;
    const acts = {
      'Deploy a handler for invoices.sent.': () => {
        serving = theatre.host({ 'orders.placed': ok, 'invoices.sent': ok });
      },
    };
    return theatre.stage(host, { acts, dispatch: () => serving.tick() });
  },

  async 'a-stuck-key'(place) {
    const theatre = new Theatre(place, 'acme', 'birch');
    const host = await theatre.open(
      {
        'stock.changed'({ payload }) {
          if (payload.includes('"stock":-1')) throw new RangeError('stock below zero');
        },
      },
      { retry: { maxAttempts: 1 } },
    );
    for (const stock of [-1, 5, 6, 7]) {
      await host
        .outbox('acme')
        .enqueue({ topic: 'stock.changed', payload: { stock }, orderingKey: 'sku-88' });
    }
    await host.wake('acme');
    await host.tick();
    theatre.passed(40 * minutes);
    await host.tick();
    return theatre.stage(host);
  },

  async 'a-lost-lease'(place) {
    const theatre = new Theatre(place, 'acme', 'birch');
    const started = deferred();
    const goesOn = deferred();
    const hanging = await theatre.open({
      async 'orders.placed'() {
        started.resolve();
        await goesOn.promise;
      },
    });
    const host = theatre.host({ 'orders.placed': ok });
    await orders(hanging, 'acme', 1);
    await hanging.wake('acme');
    const run = hanging.tick();
    await started.promise;
    // Plans find the tenant due again, and their runs are skipped.
    theatre.passedInRegistry(12 * minutes);
    await host.tick();
    // The run that hangs is alive: when it says so, it also makes the tenant due for the other one.
    await until('the tenant is due', async () => {
      const { nextDueUtc } = (await host.tenants.get('acme')).schedule;
      return nextDueUtc !== null && nextDueUtc.getTime() <= Date.now();
    });
    const acts = {
      'Restart the host that hangs, or let it go on.': async () => {
        goesOn.resolve();
        await run;
      },
    };
    return theatre.stage(host, { acts });
  },

  async 'a-clock-is-off'(place) {
    const theatre = new Theatre(place, 'acme', 'birch');
    const host = await theatre.open({ 'orders.placed': ok });
    await orders(host, 'acme', 1);
    await host.outbox('acme').enqueue({ topic: 'orders.placed', payload: {}, delay: '5m' });
    await host.wake('acme');
    await host.tick();
    theatre.passed(-180 * minutes);
    return theatre.stage(host);
  },

  async 'a-full-disk'(place) {
    const theatre = new Theatre(place, 'acme', 'birch');
    const first = await theatre.open({ 'orders.placed': ok });
    await orders(first, 'birch', 2_000);
    await first.close();
    const disk = fullDisk(theatre.file('.data/tenants/birch.db'));
    // A run tries to write outcomes for as long as it has its lease.
    const host = theatre.host({ 'orders.placed': ok }, {}, { leaseMs: 1_000 });
    try {
      await host.wake('birch');
      await host.tick();
    } catch (error) {
      disk.makeRoom();
      throw error;
    }
    let serving = host;
    const acts = {
      'Make room on the disk.': () => {
        disk.makeRoom();
        serving = theatre.host({ 'orders.placed': ok });
      },
    };
    return theatre.stage(host, { acts, dispatch: () => serving.tick() });
  },

  async 'a-late-plan'(place) {
    const theatre = new Theatre(place, 'acme', 'birch');
    const host = await theatre.open({ 'orders.placed': ok });
    await orders(host, 'acme', 2);
    await host.wake('acme');
    theatre.passed(25 * minutes);
    const acts = { 'Start a host: multi-outbox run, or the function app.': () => host.tick() };
    return theatre.stage(host, { acts });
  },

  async 'a-slow-handler'(place) {
    const theatre = new Theatre(place, 'acme', 'birch');
    const host = await theatre.open({
      'orders.placed': () => new Promise((resolve) => setTimeout(resolve, 4)),
    });
    await host.tenants.change({ id: 'acme', overrides: { idleCeilingMs: 'never', concurrency: 1 } });
    const messagesCome = async () => {
      await orders(host, 'acme', 60);
      await host.wake('acme');
      await host.tick();
    };
    await messagesCome();
    return theatre.stage(host, { acts: { 'Look again after the next messages.': messagesCome } });
  },

  async 'a-flood'(place) {
    const theatre = new Theatre(place, 'acme', 'birch');
    const host = await theatre.open({ 'orders.placed': ok });
    await orders(host, 'birch', 1);
    await host.tick();
    await orders(host, 'acme', 3_000);
    const stop = new AbortController();
    let handled = 0;
    const busy = theatre.host({
      'orders.placed'() {
        handled += 1;
        // As when the time of a run is spent.
        if (handled === 100) stop.abort();
      },
    });
    await busy.tick({ signal: stop.signal });
    return theatre.stage(host);
  },
};

/** Runs a program until it has killed itself. */
function killed(program: string, cwd: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', program];
    execFile(process.execPath, args, { cwd }, (error, stdout, stderr) => {
      if (error?.signal === 'SIGKILL') resolve();
      else reject(new Error(`The program was not killed: ${stdout}${stderr}`));
    });
  });
}

/**
 * As if the disk were full: connections to this file that are opened from now on let it grow no more. The error is SQLite's own.
 */
function fullDisk(file: string): { makeRoom(): void } {
  const connections: DatabaseSync[] = [];
  const exec = DatabaseSync.prototype.exec;
  DatabaseSync.prototype.exec = function (sql) {
    exec.call(this, sql);
    if (!sql.includes('journal_size_limit') || this.location() !== file) return;
    connections.push(this);
    exec.call(this, 'PRAGMA max_page_count = 1');
  };
  return {
    makeRoom() {
      DatabaseSync.prototype.exec = exec;
      for (const connection of connections) exec.call(connection, 'PRAGMA max_page_count = 1000000');
    },
  };
}
