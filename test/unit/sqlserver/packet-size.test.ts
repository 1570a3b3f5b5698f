/**
 * Packets are no longer than the protocol allows: 4,096 bytes until a size is agreed on, 16,383 within TLS. The test
 * runs the real driver against a server on loopback, which keeps every packet that it receives.
 */
import { randomBytes } from 'node:crypto';
import { createSqlServerEngine } from '../../../src/engine/sqlserver/index.ts';
import type { TenantReport } from '../../../src/engine/tenant-report.ts';
import { parkedOutbox } from '../../support/queue-state.ts';
import { messageType, row, TdsServer } from '../../support/tds-server.ts';

const token = randomBytes(1_500).toString('hex');
/** About 100 KB as the server gets it, two bytes a character. */
const topic = 'x'.repeat(50_000);
const report: TenantReport = {
  tenantId: 'acme',
  outcome: 'idle',
  durationMs: 1,
  counts: { done: 0, retried: 0, dead: 0, released: 0, parked: 0, lost: 0, recovered: 0 },
  backlog: true,
  queues: parkedOutbox(topic),
  schedule: { nextDueInMs: null, mode: 'set', idleStreak: 0, failureStreak: 0 },
};

test.each([
  ['a password, unencrypted', 'u:p@', false, 32_767],
  ['a password, encrypted', 'u:p@', true, 16_383],
  ['a token, unencrypted', '', false, 4_096],
  ['a token, encrypted', '', true, 4_096],
])('by %s', async (_how, login, encrypt, size) => {
  await using server = await TdsServer.start({
    encrypt,
    answer: ({ type }) => (type === messageType.procedure ? row({ Woken: false }) : undefined),
  });
  const engine = createSqlServerEngine({
    registry: `mssql://${login}127.0.0.1:${server.port}/registry?encrypt=${encrypt}&trustServerCertificate=true`,
    credential: () => ({ getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 3_600_000 }) }),
  });
  try {
    await engine.openRegistry().report(report);
  } finally {
    await engine.close();
  }
  const packetsOf = (type: number) => server.messages.filter((message) => message.type === type);
  const [loggedIn] = packetsOf(messageType.login);
  expect(Math.max(...loggedIn!.packets)).toBeLessThanOrEqual(4_096);
  const tokens = packetsOf(messageType.token);
  expect(tokens).toHaveLength(login === '' ? 1 : 0);
  for (const { payload, packets } of tokens) {
    expect(payload.includes(Buffer.from(token, 'utf16le'))).toBe(true);
    expect(packets).toEqual([4_096, expect.any(Number)]);
  }
  const [call] = packetsOf(messageType.procedure);
  expect(call!.payload.includes(Buffer.from(topic, 'utf16le'))).toBe(true);
  const last = call!.packets.at(-1)!;
  expect(new Set(call!.packets.slice(0, -1))).toEqual(new Set([size]));
  expect(last).toBeLessThanOrEqual(size);
});
