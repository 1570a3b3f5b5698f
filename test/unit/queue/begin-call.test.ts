import type { BeginResult, WorkQueue } from '../../../src/engine/work-queue.ts';
import { beginRun } from '../../../src/queue/begin-call.ts';
import { HandlerSet } from '../../../src/queue/handler-set.ts';
import { LoopBlocks } from '../../../src/queue/loop-blocks.ts';
import { Rooms } from '../../../src/queue/rooms.ts';
import { mostPurgedAtOnce } from '../../../src/queue/settle-call.ts';
import { RunTally } from '../../../src/queue/tally.ts';
import { loadSettings } from '../../../src/settings.ts';

const { dispatch, retention } = loadSettings({}, {});

const idle = {
  status: 'idle' as const,
  messages: [],
  more: false,
  throttled: false,
  onlySolo: false,
  nextDueInMs: null,
  nowUtc: new Date(0),
  parked: { topics: [], more: false },
};

test('Q6: the recovered messages of all calls of a begin count', async () => {
  const answers: BeginResult[] = [
    { ...idle, recovered: 2, purged: mostPurgedAtOnce },
    { ...idle, recovered: 1, purged: mostPurgedAtOnce },
    { ...idle, recovered: 0, purged: 0 },
  ];
  const queue: Pick<WorkQueue, 'begin'> = { begin: async () => answers.shift()! };
  const handlers = new HandlerSet([]);
  const { begun } = await beginRun(
    {
      queue: queue as WorkQueue,
      handlers,
      owner: 'host-1',
      context: 'test',
      dispatch,
      retention,
      signal: undefined,
    },
    new Rooms(handlers, dispatch),
    { tally: new RunTally(), blocks: new LoopBlocks() },
  );
  expect(answers).toEqual([]);
  expect(begun).toMatchObject({ status: 'idle', recovered: 3, purged: 0 });
});
