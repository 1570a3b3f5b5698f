/** D5: `close` while the multi-outbox works. */
import { existsSync } from 'node:fs';
import type { MultiOutbox, MultiOutboxOptions } from '../../src/multi-outbox.ts';
import { createMultiOutbox } from '../../src/multi-outbox.ts';
import { deferred, turns } from '../support/deferred.ts';
import { FleetPlace, noting } from '../support/fleet-place.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { until } from '../support/until.ts';

const place = new FleetPlace();
const quick = { plan: { intervalMs: 10 }, dispatch: { graceMs: 50 } } as const;

/** A fleet of one tenant with one message, whose handler runs until its signal fires. */
async function working(options: MultiOutboxOptions = {}) {
  const logger = recordingLogger();
  const reasons: unknown[] = [];
  const { seen, handlers } = noting(async (_, { signal }) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    reasons.push(signal.reason);
  });
  const face = await place.fleet(['acme'], { logger, handlers, ...quick, ...options });
  await face.outbox('acme').enqueue({ topic: 'orders', payload: 'x' });
  return { face, logger, reasons, started: () => until('the handler runs', () => seen.length === 1) };
}

/** The leases that are held now, as another host sees them. */
async function heldLeases(): Promise<string[]> {
  const other = place.face();
  const leases = [...(await other.leases().list()), ...(await other.leases('acme').list())];
  return leases.filter(({ held }) => held).map(({ name }) => name);
}

const loudLines = (logger: ReturnType<typeof recordingLogger>) =>
  logger.lines.filter(({ level }) => level === 'warn' || level === 'error');

test('D5: close ends run: handlers get their signal and settle, the leases are free, and run resolves', async () => {
  const { face, logger, reasons, started } = await working();
  const running = face.run({ signal: new AbortController().signal });
  await started();
  expect(await face.close()).toEqual({ unwoken: [] });
  await running;
  expect(reasons).toMatchObject([{ code: 'CLOSED' }]);
  expect(await heldLeases()).toEqual([]);
  expect(await place.face().outbox('acme').statistics()).toMatchObject({ done: 1, claimed: 0, ready: 0 });
  expect(loudLines(logger)).toEqual([]);
});

test('D5: close ends a run whose handler ignores its signal, after the grace', async () => {
  const deaf = noting(() => new Promise(() => {}));
  const { face } = await working({ handlers: deaf.handlers });
  const running = face.run({ signal: new AbortController().signal });
  await until('the handler runs', () => deaf.seen.length === 1);
  await face.close();
  await running;
  expect(await heldLeases()).toEqual([]);
  expect(await place.face().outbox('acme').statistics()).toMatchObject({ claimed: 0, ready: 1 });
});

test('D5: close ends an idle host at once, however long its interval', async () => {
  const face = await place.fleet([], { handlers: noting().handlers, plan: { intervalMs: '1d' } });
  const planned = deferred();
  const running = face.run({ signal: new AbortController().signal, onPlan: () => planned.resolve() });
  await planned.promise;
  await face.close();
  await running;
});

test('D5: close ends tick and dispatch; their reports are complete', async () => {
  for (const verb of ['tick', 'dispatch'] as const) {
    const { face, started } = await working();
    const ended = verb === 'tick' ? face.tick() : face.dispatch({ tenantId: 'acme' });
    await started();
    await face.close();
    const report = await ended;
    const run = 'runs' in report ? report.runs[0] : report;
    expect(run).toMatchObject({ outcome: 'dispatched', counts: { done: 1, lost: 0 } });
    expect(await heldLeases()).toEqual([]);
    await place.clear();
  }
});

test('D5, F7: a message that a handler stores while close waits for it is stored, and its tenant woken', async () => {
  let face: MultiOutbox | undefined;
  const { handlers, seen } = noting(async (_, { signal }) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    await face!.outbox('beta').enqueue({ topic: 'orders', payload: 'from the handler' });
  });
  face = await place.fleet(['acme', 'beta'], { handlers, ...quick, dispatch: { graceMs: '10s' } });
  await face.tick();
  await face.outbox('acme').enqueue({ topic: 'orders', payload: 'x' });
  const dispatching = face.dispatch({ tenantId: 'acme' });
  await until('the handler runs', () => seen.length === 1);
  expect(await face.close()).toEqual({ unwoken: [] });
  expect(await dispatching).toMatchObject({ counts: { done: 1 } });
  const { requests } = await place.face().plan();
  expect(requests).toContainEqual(expect.objectContaining({ tenantId: 'beta', reason: 'wake' }));
});

test('D5: after close run is refused with CLOSED, and leaves nothing behind', async () => {
  const { face } = await working();
  await face.close();
  const again = face.run({ signal: new AbortController().signal });
  await expect(again).rejects.toMatchObject({ code: 'CLOSED' });
});

test('F3: close during a plan leaves the plan lease free', async () => {
  const { face } = await working();
  const planning = face.plan();
  await face.close();
  expect(await planning).toMatchObject({ status: 'planned' });
  expect(await heldLeases()).toEqual([]);
});

test('F2: close during a refresh of a directory leaves its lease free', async () => {
  await place.registry();
  const reading = deferred();
  const face = place.face({
    tenants: {
      name: 'slow',
      read: () => {
        reading.resolve();
        return new Promise(() => {});
      },
    },
  });
  const status = face.status();
  const refused = expect(status).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' });
  await reading.promise;
  await face.close();
  await refused;
  const leases = await place.face().leases().list();
  expect(leases).toMatchObject([{ name: 'directory', held: false }]);
});

test('D5: nothing is thrown where no caller can catch it', async () => {
  const stray: unknown[] = [];
  const note = (error: unknown) => stray.push(error);
  process.on('unhandledRejection', note);
  try {
    const { face, started } = await working();
    const running = face.run({ signal: new AbortController().signal });
    await started();
    void face.close();
    await running;
    await face.close();
    await turns();
    expect(stray).toEqual([]);
  } finally {
    process.off('unhandledRejection', note);
  }
});

test.each([
  ['a registry', { registry: 'sqlite:data/registry.db' }, 'data/registry.db'],
  ['a list of tenants', { tenants: [{ id: 'acme', database: 'data/acme.db' }] }, 'data/acme.db'],
])('a relative path of %s is resolved when it is given', async (_, options, file) => {
  const before = process.cwd();
  process.chdir(place.folder);
  let face: MultiOutbox;
  try {
    face = createMultiOutbox(options);
  } finally {
    process.chdir(before);
  }
  try {
    await face.migrate();
    expect(existsSync(place.file(file))).toBe(true);
  } finally {
    await face.close();
  }
});
