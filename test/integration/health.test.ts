/** S6: health and metrics of a local host: `serveHealth` in this process, and `run --health --metrics` as a process. */
import { renameSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import * as v from 'valibot';
import * as answers from '../../docs/generate/answers.ts';
import { type HealthServer, type HealthServerOptions, serveHealth } from '../../src/health/serve-health.ts';
import type { MultiOutbox } from '../../src/multi-outbox.ts';
import { defineHandler, PermanentError } from '../../src/queue/handler.ts';
import { type CliFolder, cliFolder, type RunningCli } from '../support/cli-process.ts';
import { completeLines } from '../support/complete-lines.ts';
import { FleetPlace } from '../support/fleet-place.ts';
import { testWithSignals } from '../support/platform.ts';

const get = async (url: string, init?: RequestInit) => {
  // A connection that the client keeps could be closed just as it sends the next request on it.
  const response = await fetch(url, { ...init, headers: { connection: 'close' } });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json');
  return {
    status: response.status,
    headers: response.headers,
    body: isJson && text ? JSON.parse(text) : text,
  };
};

describe('serveHealth', () => {
  const place = new FleetPlace();
  const servers: HealthServer[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.close();
  });

  const dying = defineHandler({
    topic: 'orders',
    handle() {
      throw new PermanentError('a secret reason');
    },
  });

  async function serve(multiOutbox: MultiOutbox, options: Partial<HealthServerOptions> = {}) {
    const server = await serveHealth(multiOutbox, { port: 0, ...options });
    servers.push(server);
    return server;
  }

  test('S6: live, ready and fleet answer in the form of the function app, and touch no tenant database (F6)', async () => {
    const face = await place.fleet(['acme'], { handlers: [dying] });
    const { origin } = await serve(face);
    expect(origin).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(await get(`${origin}/health/live`)).toMatchObject({ status: 200, body: { status: 'ok' } });
    const ready = await get(`${origin}/health/ready`);
    expect(ready).toMatchObject({
      status: 200,
      body: {
        status: 'ok',
        checks: { handlers: { ok: true }, registry: { ok: true }, instance: { ok: true } },
      },
    });
    expect(ready.headers.get('cache-control')).toBe('no-store');
    const fleet = await get(`${origin}/health/fleet`);
    expect([fleet.status, v.safeParse(answers.fleet, fleet.body).issues]).toEqual([200, undefined]);
    expect(fleet.body).toMatchObject({
      status: 'ok',
      // Nobody has made a plan.
      troubles: ['stale'],
      worst: [{ tenantId: 'acme', lastRunUtc: null }],
    });
  });

  test('S6: fleet has the rules of --fail-on, and shows no text of a handler’s error', async () => {
    // Texts that may be in logs and reports are still not for whoever reaches the port.
    const face = await place.fleet(['acme'], { handlers: [dying], telemetry: { handlerErrorText: true } });
    await face.outbox('acme').enqueue({ topic: 'orders', payload: 'a secret payload' });
    await face.tick();
    const { origin } = await serve(face);
    const asked = async (query: string) => {
      const { status, body } = await get(`${origin}/health/fleet${query}`);
      return [status, body.status, body.troubles];
    };
    const found = ['dead', 'failing'];
    expect(await asked('')).toEqual([200, 'troubled', found]);
    expect(await asked('?fail-on=dead')).toEqual([503, 'troubled', found]);
    expect(await asked('?fail-on=stale')).toEqual([200, 'ok', found]);
    expect(await asked('?fail-on=stale&stale-after=0s')).toEqual([503, 'troubled', [...found, 'stale']]);
    for (const query of ['?fail-on=deed', '?stale-after=soon', '?stale-after=300']) {
      expect(await get(`${origin}/health/fleet${query}`)).toMatchObject({
        status: 400,
        body: { code: 'INVALID_ARGUMENT', detail: expect.stringContaining('give ') },
      });
    }
    // Requests share a read only if they ask the same.
    const answers503 = ['?fail-on=dead', '?fail-on=stale', '?fail-on=dead&stale-after=1h', ''].map(asked);
    expect((await Promise.all(answers503)).map(([status]) => status)).toEqual([503, 200, 503, 200]);
    const { body } = await get(`${origin}/health/fleet`);
    const { schedule } = await face.tenants.get('acme');
    expect(schedule.failingTopics).toMatchObject([{ error: expect.stringContaining('a secret reason') }]);
    expect(body.worst).toMatchObject([{ failingTopics: [{ topic: 'orders', failures: 1 }] }]);
    expect(JSON.stringify(body)).not.toContain('secret');
    expect(v.safeParse(answers.fleet, body).issues).toBeUndefined();
  });

  test('S6: ready is 503 once the signal has fired, without handlers, and while the registry is away; live is not', async () => {
    const face = await place.fleet(['acme'], { handlers: [dying] });
    const stopping = new AbortController();
    const { origin } = await serve(face, { signal: stopping.signal });
    const failed = async (at: string) => {
      const { status, body } = await get(`${at}/health/ready`);
      expect(
        v.safeParse(answers.ready, { ...body, checks: { configuration: { ok: true }, ...body.checks } }),
      ).toMatchObject({
        success: true,
      });
      return [status, Object.entries(body.checks).filter(([, check]) => !(check as { ok: boolean }).ok)];
    };
    expect(await failed(origin)).toEqual([200, []]);
    stopping.abort();
    expect(await failed(origin)).toEqual([503, [['instance', { ok: false }]]]);
    expect((await get(`${origin}/health/live`)).status).toBe(200);
    const bare = await serve(place.face());
    expect(await failed(bare.origin)).toEqual([503, [['handlers', { ok: false }]]]);
    const lost = await serve(place.face({ registry: 'sqlite:nowhere/registry.db', handlers: [dying] }));
    expect(await failed(lost.origin)).toEqual([503, [['registry', { ok: false, code: 'SCHEMA_MISSING' }]]]);
    const fleet = await get(`${lost.origin}/health/fleet`);
    expect(fleet).toMatchObject({
      status: 503,
      body: { code: 'DATABASE_MISSING', detail: 'The log of this host has the reason.' },
    });
  });

  test('S6: other paths and methods are refused, and HEAD is GET without a body', async () => {
    const face = await place.fleet(['acme'], { handlers: [dying] });
    const { origin } = await serve(face);
    expect(await get(`${origin}/`)).toMatchObject({
      status: 404,
      body: { detail: 'The paths are /health/live, /health/ready, /health/fleet.' },
    });
    expect((await get(`${origin}/metrics`)).status).toBe(404);
    expect((await get(`${origin}/__proto__`)).status).toBe(404);
    const posted = await get(`${origin}/health/live`, { method: 'POST', body: 'x'.repeat(100_000) });
    expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    const head = await get(`${origin}/health/live`, { method: 'HEAD' });
    expect([head.status, head.body, head.headers.get('content-length')]).toEqual([200, '', '15']);
  });

  test('S6: a name that leads to the loopback address is refused (DNS rebinding); an address of a network takes any', async () => {
    const face = await place.fleet(['acme'], { handlers: [dying] });
    const as = async (server: HealthServer, host: string) => {
      const socket = connect(server.port, '127.0.0.1');
      socket.write(`GET /health/live HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
      let text = '';
      for await (const chunk of socket) text += chunk;
      return Number(text.split(' ')[1]);
    };
    const own = await serve(face);
    const { port } = own;
    expect(await as(own, `127.0.0.1:${port}`)).toBe(200);
    expect(await as(own, `LocalHost:${port}`)).toBe(200);
    // A tunnel to this server has a port of its own, and the client names that one.
    for (const host of [`127.0.0.1:${port + 1}`, `localhost:${port + 1}`, '[::1]:8080', 'localhost'])
      expect([host, await as(own, host)]).toEqual([host, 200]);
    for (const host of [`attacker.example:${port}`, 'attacker.example', `localhost.attacker.example:${port}`])
      expect([host, await as(own, host)]).toEqual([host, 421]);
    const open = await serve(face, { host: '0.0.0.0' });
    expect(await as(open, 'outbox-0.pods.example')).toBe(200);
  });

  test('S6: close ends although clients keep their connections, or have not sent their requests; then the port is free', async () => {
    const face = await place.fleet(['acme'], { handlers: [dying] });
    const server = await serve(face);
    await get(`${server.origin}/health/live`);
    const silent = connect(server.port, server.host);
    const ended = new Promise((resolve) => silent.on('close', resolve));
    await new Promise((resolve) => silent.on('connect', resolve));
    silent.on('error', () => {});
    silent.write('GET /health/live HTTP/1.1\r\n');
    await server.close();
    await ended;
    await server.close();
    const again = await serve(face, { port: server.port });
    expect((await get(`${again.origin}/health/live`)).status).toBe(200);
  });

  test('an address that cannot be listened on, and wrong options, are refused with what to do', async () => {
    const face = await place.fleet(['acme'], { handlers: [dying] });
    const { port } = await serve(face);
    const refused = (options: object) =>
      serveHealth(face, options as HealthServerOptions).then(
        () => 'nothing was refused',
        ({ code, message }) => `${code}: ${message}`,
      );
    expect(await refused({ port })).toBe(
      `INVALID_ARGUMENT: Cannot listen on 127.0.0.1:${port}: another process listens there; choose another port.`,
    );
    expect(await refused({ port: 0, host: '192.0.2.1' })).toMatch(/this machine has no such address/);
    expect(await refused({ port: -1 })).toMatch(/'port' is -1/);
    expect(await refused({ prot: 1 })).toMatch(/'prot' is not an option/);
  });
});

describe('run --health --metrics', () => {
  const handlers = path.resolve(__dirname, '../support/cli-handlers.mjs');
  const env = { MULTI_OUTBOX_PLAN_INTERVAL: '50ms', MULTI_OUTBOX_GRACE: '10s' };
  let folder: CliFolder;
  beforeEach(async () => {
    folder = cliFolder();
    await folder.json(['tenants', 'add', 'acme']);
  });
  afterEach(() => folder.remove());

  /** Starts a host; returns it with the origins of its servers. */
  async function start(...args: string[]): Promise<{ host: RunningCli; origins: string[] }> {
    const host = folder.start(['run', '--json', '--handlers', handlers, ...args], { env });
    await host.until(({ stderr }) => stderr.includes('Dispatching'));
    const { stderr } = host.output();
    return { host, origins: [...stderr.matchAll(/ at (http:\S+)\./g)].map(([, origin]) => origin!) };
  }

  testWithSignals(
    'D5: a host that stops is not ready, is alive until its runs have ended, and then exits with 0',
    async () => {
      const { host, origins } = await start('--health', '0');
      const [origin] = origins;
      expect((await get(`${origin}/health/ready`)).status).toBe(200);
      await folder.json(['enqueue', 'acme', 'slow', '1500']);
      await host.until(() => completeLines(path.join(folder.path, 'started.ndjson')).length === 1);
      host.kill('SIGTERM');
      await host.until(({ stderr }) => stderr.includes('Stopping (SIGTERM)'));
      expect(await get(`${origin}/health/ready`)).toMatchObject({
        status: 503,
        body: { checks: { instance: { ok: false } } },
      });
      expect((await get(`${origin}/health/live`)).status).toBe(200);
      expect((await host.ended).code).toBe(0);
      await expect(fetch(`${origin}/health/live`)).rejects.toThrow();
      expect(completeLines(path.join(folder.path, 'done.ndjson'))).toHaveLength(1);
    },
  );

  testWithSignals('one address serves both, two addresses one each; another host may be named', async () => {
    const shared = await start('--health', '0', '--metrics', '0');
    expect(shared.origins).toHaveLength(1);
    expect((await get(`${shared.origins[0]}/health/live`)).status).toBe(200);
    expect(await get(`${shared.origins[0]}/metrics`)).toMatchObject({
      status: 200,
      body: expect.stringContaining('multi_outbox_plans_total{'),
    });
    shared.host.kill('SIGTERM');
    expect((await shared.host.ended).code).toBe(0);
    const apart = await start('--health', 'localhost:0', '--metrics', '0.0.0.0:0');
    const [health, metrics] = apart.origins;
    expect([health, metrics]).toEqual([
      expect.stringMatching(/^http:\/\/localhost:/),
      expect.stringMatching(/^http:\/\/0\.0\.0\.0:/),
    ]);
    expect((await get(`${health}/metrics`)).status).toBe(404);
    expect((await get(`${metrics}/health/live`)).status).toBe(404);
    apart.host.kill('SIGTERM');
    expect((await apart.host.ended).code).toBe(0);
  });

  testWithSignals('while the registry is away the host is not ready, and its scrape goes on', async () => {
    const { host, origins } = await start('--health', '0', '--metrics', '0');
    const [origin] = origins;
    expect((await get(`${origin}/metrics`)).body).toContain('multi_outbox_fleet_last_plan_age{');
    for (const suffix of ['', '-wal', '-shm'])
      renameSync(
        path.join(folder.path, `.data/registry.db${suffix}`),
        path.join(folder.path, `aside${suffix}`),
      );
    await host.until(({ stderr }) => stderr.includes('The plan failed'));
    expect((await get(`${origin}/health/ready`)).status).toBe(503);
    const { status, body } = await get(`${origin}/metrics`);
    expect([status, body]).toEqual([200, expect.stringContaining('multi_outbox_plans_total{')]);
    for (const suffix of ['', '-wal', '-shm'])
      renameSync(
        path.join(folder.path, `aside${suffix}`),
        path.join(folder.path, `.data/registry.db${suffix}`),
      );
    host.kill('SIGTERM');
    expect((await host.ended).code).toBe(0);
  });

  test('an address that cannot be used ends the command before it dispatches', async () => {
    const wrong = await folder.cli(['run', '--health', '127.0.0.1']);
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('Give a port, such as 8080')]);
    const far = await folder.cli(['run', '--metrics', '192.0.2.1:0']);
    expect([far.code, far.stderr]).toEqual([2, expect.stringContaining('this machine has no such address')]);
    const off = await folder.cli(['run', '--metrics', '0'], { env: { OTEL_SDK_DISABLED: 'true' } });
    expect([off.code, off.stderr]).toEqual([2, expect.stringContaining('OTEL_SDK_DISABLED')]);
  });
});
