/** The parts that the tests of the embedded engine share: messages, claims, and a second program on the same files. */
import { DatabaseSync } from 'node:sqlite';
import { v7 as uuid } from 'uuid';
import type { NewMessage, SettledMessage } from '../../../src/engine/message.ts';
import type { BeginResult, SettleRequest, SettleResult, WorkQueue } from '../../../src/engine/work-queue.ts';
import { isMultiOutboxError, type MultiOutboxError } from '../../../src/errors.ts';
import type { SqlitePlace } from '../../support/sqlite-place.ts';

export const manyBytes = 100_000_000;

export function message(payload: string, more: Partial<NewMessage> = {}): NewMessage {
  return { messageId: uuid(), topic: 'orders', payload, ...more };
}

export type Claimed = Extract<BeginResult, { status: 'claimed' }>;

export async function begin(queue: WorkQueue, limit = 100): Promise<Claimed> {
  const result = await queue.begin({
    owner: 'run',
    durationMs: 60_000,
    claim: { limit, maxBytes: manyBytes },
  });
  if (result.status !== 'claimed') throw new Error(`nothing was claimed: ${result.status}`);
  return result;
}

export type Then = SettleRequest['then'];

export function settle(
  queue: WorkQueue,
  { lease }: Claimed,
  outcomes: readonly SettledMessage[],
  then: Then = { do: 'release-lease' },
  more: Partial<Pick<SettleRequest, 'onDead' | 'retention'>> = {},
): Promise<SettleResult> {
  return queue.settle({ lease, leaseMs: 60_000, outcomes, onDead: 'block', then, ...more });
}

/** Returns the library error that `call` fails with, and checks that its message is one line. */
export async function failure(call: Promise<unknown>): Promise<MultiOutboxError> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!isMultiOutboxError(error)) throw new Error(`expected an error of the library, got ${String(error)}`);
  expect(error.message).not.toMatch(/\n/);
  return error;
}

/** The file of a tenant in a place, by default that of 'acme'. */
export function tenantFileOf(place: SqlitePlace, id = 'acme'): string {
  return place.file(`tenants/${id}.db`);
}

/** Another program's connection to a tenant's file, lent to `work` and closed. */
export async function withProgram<T>(file: string, work: (db: DatabaseSync) => T | Promise<T>): Promise<T> {
  const database = new DatabaseSync(file);
  try {
    return await work(database);
  } finally {
    database.close();
  }
}
