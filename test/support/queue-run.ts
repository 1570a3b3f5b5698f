import { randomUUID } from 'node:crypto';
import type { NewMessage } from '../../src/engine/message.ts';
import type { WorkQueue } from '../../src/engine/work-queue.ts';
import { defineHandler, type Handler, type HandlerDefinition } from '../../src/queue/handler.ts';
import { HandlerSet } from '../../src/queue/handler-set.ts';
import type { QueueReport } from '../../src/queue/report.ts';
import { type QueueRunOptions, runQueue } from '../../src/queue/run.ts';
import { loadSettings, type SettingsInput } from '../../src/settings.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';

export interface RunFields
  extends Partial<
    Pick<
      QueueRunOptions,
      'owner' | 'signal' | 'changed' | 'logger' | 'logsHandlerText' | 'random' | 'parking'
    >
  > {
  dispatch?: SettingsInput['dispatch'];
  retry?: SettingsInput['retry'];
  retention?: QueueRunOptions['retention'];
}

/** Runs a work queue once, with the default settings but for those given. */
export function run(
  queue: WorkQueue,
  handlers: readonly Handler[],
  { dispatch, retry, ...fields }: RunFields = {},
): Promise<QueueReport> {
  const settings = loadSettings({ dispatch, retry }, {});
  return runQueue({
    queue,
    handlers: new HandlerSet(handlers),
    tenant: { id: 'acme', tags: {} },
    owner: 'host-1',
    context: 'test',
    dispatch: settings.dispatch,
    retry: settings.retry,
    retention: settings.retention,
    budgetMs: settings.dispatch.timeBudgetMs,
    signal: undefined,
    logger: silentLogger,
    random: Math.random,
    outbox: queue,
    ...fields,
  });
}

/** A handler of topic 'orders'. */
export function orders(
  handle: HandlerDefinition['handle'],
  fields: Partial<HandlerDefinition> = {},
): Handler {
  return defineHandler({ topic: 'orders', ...fields, handle });
}

/** A message as an engine takes it; its payload identifies it. */
export function message(payload: string, fields: Partial<NewMessage> = {}): NewMessage {
  return { messageId: randomUUID(), topic: 'orders', payload, ...fields };
}

/** Messages '1' to 'n'. */
export function messages(n: number, fields: Partial<NewMessage> = {}): NewMessage[] {
  return Array.from({ length: n }, (_, index) => message(String(index + 1), fields));
}

type Verb = 'begin' | 'settle';
type Call<V extends Verb> = (request: Parameters<WorkQueue[V]>[0]) => ReturnType<WorkQueue[V]>;

/** The replacement of a call; it may make the real call. */
export interface Faults {
  begin?: (real: Call<'begin'>, request: Parameters<WorkQueue['begin']>[0]) => ReturnType<WorkQueue['begin']>;
  settle?: (
    real: Call<'settle'>,
    request: Parameters<WorkQueue['settle']>[0],
  ) => ReturnType<WorkQueue['settle']>;
  transact?: (
    real: WorkQueue['transact'],
    request: Parameters<WorkQueue['transact']>[0],
    work: (transaction: unknown) => Promise<unknown>,
  ) => Promise<unknown>;
}

/** The real work queue with faults put into its calls. */
export function withFaults(queue: WorkQueue, { begin, settle, transact }: Faults): WorkQueue {
  const real = {
    begin: queue.begin.bind(queue),
    settle: queue.settle.bind(queue),
    transact: queue.transact.bind(queue),
  };
  return {
    name: queue.name,
    begin: (request) => (begin ? begin(real.begin, request) : real.begin(request)),
    settle: (request) => (settle ? settle(real.settle, request) : real.settle(request)),
    enqueue: queue.enqueue.bind(queue),
    transact: (transact
      ? (request, work) => transact(real.transact, request, work)
      : real.transact) as WorkQueue['transact'],
    committed: queue.committed.bind(queue),
    enqueueStatement: queue.enqueueStatement.bind(queue),
    statistics: queue.statistics.bind(queue),
    get: queue.get.bind(queue),
    find: queue.find.bind(queue),
    count: queue.count.bind(queue),
    act: queue.act.bind(queue),
    replace: queue.replace.bind(queue),
  };
}
