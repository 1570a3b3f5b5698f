import { FleetPlace, noting } from '../support/fleet-place.ts';
import { hostileValues } from '../support/hostile.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { until } from '../support/until.ts';

const place = new FleetPlace();

const failing: [string, () => unknown][] = [
  [
    'throws',
    () => {
      throw new Error('secret text');
    },
  ],
  ['rejects', () => Promise.reject(new Error('secret text'))],
  ['rejects with an object that cannot be read', () => Promise.reject(hostileValues['a revoked proxy']!())],
  ['returns a thenable that throws', hostileValues['an object whose every property throws']!],
];

async function filled() {
  const logger = recordingLogger();
  const { seen, handlers } = noting();
  const face = await place.fleet(['a', 'b'], { handlers, logger, plan: { intervalMs: 10 } });
  for (const id of ['a', 'b']) await face.outbox(id).enqueue({ topic: 'orders', payload: 'x' });
  const failures = () => logger.lines.filter(({ message }) => message.startsWith('A callback failed'));
  return { face, seen, failures };
}

describe.each(failing)('D8: a callback that %s stops no tenant’s run', (_, callback) => {
  const onRun = callback as () => void;

  test('onRun of tick', async () => {
    const { face, seen, failures } = await filled();
    const { runs } = await face.tick({ onRun });
    expect(runs.map(({ outcome }) => outcome)).toEqual(['dispatched', 'dispatched']);
    expect(seen.sort()).toEqual(['a:x', 'b:x']);
    await until('each call is logged', () => failures().length === 4);
    expect(failures()[0]).toMatchObject({ level: 'error', fields: { callback: 'tick: onRun' } });
    expect(JSON.stringify(failures())).not.toContain('secret');
  });

  test('onPlan and onRun of run', async () => {
    const { face, seen, failures } = await filled();
    const stop = new AbortController();
    const running = face.run({ signal: stop.signal, onPlan: onRun, onRun });
    await until('both are served', () => seen.length === 2);
    stop.abort();
    await running;
    expect(seen.sort()).toEqual(['a:x', 'b:x']);
    const called = new Set(failures().map(({ fields }) => fields.callback));
    expect(called).toEqual(new Set(['run: onPlan', 'run: onRun']));
  });

  test('onTenant of migrate and doctor', async () => {
    const { face } = await filled();
    expect(await face.migrate({ onTenant: onRun })).toHaveLength(3);
    expect(await face.doctor({ onTenant: onRun })).toHaveLength(3);
  });
});
