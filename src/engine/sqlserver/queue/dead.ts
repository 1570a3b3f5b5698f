/** Lists, replays (Q13) and discards Dead messages. */
import type { MessageRecord } from '../../message.ts';
import type { DeadFilter } from '../../work-queue.ts';
import { bigint, type Database, int, longText, type Parameters, text } from '../database.ts';
import { wholeMs } from '../text.ts';
import { messageRecord } from './records.ts';

function conditions({ messageIds, topic, olderThanMs }: DeadFilter): Parameters {
  return {
    MessageIds: [longText, messageIds === undefined ? null : JSON.stringify(messageIds)],
    Topic: [text, topic ?? null],
    OlderThanMs: [bigint, wholeMs(olderThanMs ?? 0)],
  };
}

export async function listDead(
  database: Database,
  table: string,
  filter: DeadFilter,
  page: { limit: number; after?: number },
): Promise<MessageRecord[]> {
  const [rows] = await database.call(
    `${table}_ListDead`,
    { ...conditions(filter), Limit: [int, page.limit], After: [bigint, page.after ?? null] },
    { onLost: 'repeat' },
  );
  return rows!.map(messageRecord);
}

export async function countDead(database: Database, table: string, filter: DeadFilter): Promise<number> {
  const [rows] = await database.call(`${table}_CountDead`, conditions(filter), { onLost: 'repeat' });
  return Number(rows![0]!.Dead);
}

/**
 * Replays or discards. When the answer is lost, the number is lost too: the call fails, and the caller counts again.
 */
export async function resolveDead(
  database: Database,
  table: string,
  what: 'ReplayDead' | 'DiscardDead',
  filter: DeadFilter,
  limit: number,
): Promise<number> {
  const parameters: Parameters = { ...conditions(filter), Limit: [int, limit] };
  const [rows] = await database.call(`${table}_${what}`, parameters, { onLost: 'give-up' });
  return Number(rows![0]!.Affected);
}
