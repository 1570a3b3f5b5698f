import { sendingHost, WakeHosts } from '../../../src/fleet/wake-hosts.ts';
import { recordingLogger } from '../../support/recording-logger.ts';

const request = (tenantId: string) =>
  ({ version: 1, tenantId, plannedUtc: '2026-01-01T00:00:00.000Z', reason: 'wake' }) as const;

test.each<[string, () => Promise<void>]>([
  ['rejects', () => Promise.reject(new Error('the queue is away'))],
  [
    'throws',
    () => {
      throw new Error('the queue is away');
    },
  ],
])('F7: a send that %s is logged, the other requests are sent, and the wake succeeds', async (_, fail) => {
  const logger = recordingLogger();
  const sent: string[] = [];
  const host = sendingHost(async ({ tenantId }) => {
    if (tenantId === 'acme') return fail();
    await Promise.resolve();
    sent.push(tenantId);
  }, logger);
  await host.serve([request('acme'), request('birch')], host.reserve(2));
  expect(sent).toEqual(['birch']);
  expect(logger.lines).toMatchObject([
    { level: 'error', message: expect.stringContaining('could not be sent'), fields: { tenantId: 'acme' } },
  ]);
});

describe('the hosts of a process (F7)', () => {
  const hostOf = (places: number) => {
    const asked: number[] = [];
    const host = {
      asked,
      plans: 0,
      reserve: (tenants: number) => {
        asked.push(tenants);
        return Math.min(places, tenants);
      },
      serve() {},
      planSoon: () => void host.plans++,
    };
    return host;
  };

  test('F7: the first one with a place keeps places, and the others are not asked', () => {
    const hosts = new WakeHosts();
    const all = [hostOf(0), hostOf(1), hostOf(5)];
    for (const host of all) hosts.add(host);
    expect(hosts.reserve(3)).toEqual({ host: all[1], places: 1 });
    expect(all.map(({ asked }) => asked)).toEqual([[3], [3], []]);
  });

  test('F7: none keeps places where no host has one; each is told to plan', () => {
    const hosts = new WakeHosts();
    expect(hosts.reserve(1)).toBeNull();
    const all = [hostOf(0), hostOf(0)];
    for (const host of all) hosts.add(host);
    expect(hosts.reserve(1)).toBeNull();
    hosts.planSoon();
    expect(all.map(({ plans }) => plans)).toEqual([1, 1]);
  });

  test('F7: one that has ended is neither asked nor told', () => {
    const hosts = new WakeHosts();
    const ended = hostOf(1);
    hosts.add(ended)();
    expect(hosts.reserve(1)).toBeNull();
    hosts.planSoon();
    expect([ended.asked, ended.plans]).toEqual([[], 0]);
  });
});
