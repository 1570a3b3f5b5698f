import { sendingHost } from '../../../src/fleet/wake-hosts.ts';
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
