import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { webhookPost } from '../../../src/handlers/webhook.ts';
import { hostResolver } from '../../../src/host-resolver.ts';
import type { Attempt } from '../../../src/queue/attempt.ts';
import { startNameServer } from '../../support/name-server.ts';
import { testWithShell } from '../../support/platform.ts';
import { until } from '../../support/until.ts';
import { attemptOnce } from '../../unit/handlers/one-attempt.ts';
import { answering, startReceiver } from './receiver.ts';

/** Answers for good.test, and never for any other name. */
const startServer = () => startNameServer((name) => (name === 'good.test' ? ['127.0.0.1'] : null));

const numbered = (count: number) => Array.from({ length: count }, (_, index) => index);

describe('D8: host names that are never answered', () => {
  test('D8: beside 20 of them, all webhooks of another tenant are delivered; the first tenant asks for 4 at a time', async () => {
    await using server = await startServer();
    await using receiver = await startReceiver(answering(200));
    const resolve = hostResolver({ servers: [server.address] });
    const handler = webhookPost({ allowPrivateAddresses: true, resolve });
    const attempts: Attempt[] = [];
    const hanging = numbered(20).map((n) =>
      attemptOnce(
        handler,
        { url: `http://silent-${n}.test:${receiver.port}/` },
        { tenantId: 'bad', onStart: (attempt) => attempts.push(attempt) },
      ),
    );
    await until('the first names are asked for', () => server.asked.length >= 4);
    const outcomes = await Promise.all(
      numbered(20).map(() =>
        attemptOnce(handler, { url: `http://good.test:${receiver.port}/` }, { tenantId: 'good' }),
      ),
    );
    expect(outcomes).toEqual(Array(20).fill({ kind: 'done' }));
    expect(receiver.received).toHaveLength(20);
    expect(server.asked.filter((name) => name.startsWith('silent'))).toHaveLength(4);

    // The handler's signal ends both the look-ups that run and those that wait.
    const reason = new Error('The run stops.');
    for (const attempt of attempts) attempt.abort(reason);
    for (const outcome of await Promise.all(hanging)) {
      expect(outcome).toMatchObject({ kind: 'retry', error: 'The run stops.' });
    }
    expect(server.asked.filter((name) => name.startsWith('silent'))).toHaveLength(4);
  });
});

describe('the default resolver', () => {
  testWithShell('D8: it needs none of the threads that all work of the process shares', async () => {
    await using receiver = await startReceiver(answering(200));
    const folder = await mkdtemp(join(tmpdir(), 'multi-outbox-threads-'));
    const fifo = join(folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    // Opening it to read holds a thread until another process, or this one, opens it to write.
    const threads = Number(process.env.UV_THREADPOOL_SIZE ?? 4);
    const held = numbered(threads).map(() => open(fifo, 'r'));
    try {
      const outcome = await attemptOnce(
        webhookPost({ allowPrivateAddresses: true }),
        { url: `http://localhost:${receiver.port}/` },
        { timeoutMs: 5_000 },
      );
      expect(outcome).toEqual({ kind: 'done' });
    } finally {
      const writer = openSync(fifo, constants.O_RDWR);
      for (const file of await Promise.all(held)) await file.close();
      closeSync(writer);
      await rm(folder, { recursive: true });
    }
  });
});
