import type { BeginResult, SettleRequest, SettleResult, WorkQueue } from '../../../src/engine/work-queue.ts';
import type { LeaseRow } from '../models/queue-options.ts';
import type { Watched } from './engine.ts';

/** Milliseconds. */
const slowCommitMs = [100, 900, 4_000];

/** The work queue of a tenant, as a simulated process sees it. */
export function watchedQueue(
  { world, process, caller }: Watched,
  target: string,
  real: WorkQueue,
): WorkQueue {
  const tenant = world.tenant(target);
  const model = tenant.queues[real.name];
  /** By the acquisition of a run: puts the database back to the moment before the run. */
  const restores = new Map<string, () => void>();
  const named = (verb: string) => ({ target, name: `${real.name} ${verb}` });
  return {
    name: real.name,
    enqueue: (messages, transaction) =>
      caller.call({
        ...named('enqueue'),
        perform() {
          model.sent(messages);
          return real.enqueue(messages, transaction);
        },
        observe(results) {
          const stored = messages
            .filter((_, index) => results[index]!.status === 'enqueued')
            .map((message) => model.inserted(message));
          // A duplicate wakes as well: the first may have been stored without an answer, and so without a wake.
          if (stored.length === 0) world.wakes.stores(process, target);
          if (transaction == null) tenant.committed(model, stored, true);
          else world.transactions.joined(transaction as object, tenant, model, stored);
          return `${stored.length} of ${messages.length}${transaction == null ? '' : ' in a transaction'}`;
        },
      }),
    // It must be called while the producer's transaction has the write lock, so nothing may come between.
    committed: (transaction, messageId) => real.committed(transaction, messageId),
    enqueueStatement: real.enqueueStatement.bind(real),
    begin(request) {
      let restore: (() => void) | undefined;
      let committed: LeaseRow | undefined;
      return caller.call({
        ...named('begin'),
        isWork: true,
        onCommit: () => {
          committed = model.options.leaseRow();
        },
        perform() {
          if (!process.isDead && world.strikes('is restored to before a run')) restore = tenant.backUp();
          return real.begin(request);
        },
        observe(result) {
          model.begun(process, request, result, committed);
          if (result.status === 'claimed' && restore) restores.set(result.lease.acquisitionId, restore);
          return begunText(result);
        },
        onAnswerLost: (result) => {
          if (result.status === 'claimed') model.answerLost(result.messages);
        },
      });
    },
    async settle(request) {
      const { lease, outcomes } = request;
      const isOvertaken = () => outcomes.some(({ messageId }) => model.isTakenFrom(lease, messageId));
      const identities = new Set(outcomes.map(({ sequence, messageId }) => `${sequence} ${messageId}`));
      if (identities.size < outcomes.length)
        world.broken('Q8 settle', `${process.name} names a message twice in a call to ${target}`);
      const settled = await caller.call({
        ...named('settle'),
        isWork: true,
        isOvertaken: outcomes.length > 0 ? isOvertaken : undefined,
        ...(request.then.do !== 'release-lease' && { leaseMs: request.leaseMs }),
        async perform() {
          const restore = outcomes.length > 0 ? restores.get(lease.acquisitionId) : undefined;
          if (restore !== undefined && !world.faults.isOver) {
            restores.delete(lease.acquisitionId);
            restore();
            world.journal.note('world', `${target} is restored to before the run of ${process.name}`);
            // The next run gets the same fence, and the same messages.
            await caller.untilOvertaken(isOvertaken);
          }
          return real.settle(request);
        },
        observe(result) {
          model.settled(process, request, result);
          return settledText(request, result);
        },
        onAnswerLost: ({ messages }) => model.answerLost(messages),
      });
      model.dropped(request, settled);
      return settled;
    },
    async transact(request, work) {
      let generation: number | undefined;
      let driver: object | undefined;
      const value = await caller.call({
        ...named('transact'),
        isReliable: true,
        isOvertaken: () => model.isTakenFrom(request.lease, request.messageId),
        perform: () =>
          real.transact(request, (transaction) => {
            driver = transaction as object;
            generation = tenant.generation;
            return work(transaction);
          }),
        observe() {
          // The transaction began in a file that was replaced meanwhile: what it wrote is not in the restored database.
          if (tenant.generation !== generation) {
            model.transactedElsewhere(process, request.lease);
            return 'committed to a replaced file';
          }
          model.transacted(process, request.lease, request.messageId);
          world.transactions.committed(driver!);
          return `message ${request.sequence}`;
        },
      });
      // It is no trouble: a run waits for the commits that are under way, however it ends.
      if (!process.isDead && world.strikes('answer to a commit is slow'))
        await process.hears(world.faults.random.pick(slowCommitMs));
      return value;
    },
    statistics: () => real.statistics(),
    get: (messageId) => real.get(messageId),
    find: (filter, part) =>
      caller.call({
        ...named('find'),
        perform: () => real.find(filter, part),
        observe(found) {
          const areAllDead = filter.states?.join() === 'dead' && Object.keys(filter).length === 1;
          if (!areAllDead || part.after !== undefined || found.next !== null)
            return `${found.messages.length}`;
          return world.same('Q13 find', found.messages.length, model.countIn('dead'));
        },
      }),
    count: (filter, part) => real.count(filter, part),
    act: (act, targets) =>
      caller.call({
        ...named(act.do),
        perform: () => real.act(act, targets),
        observe: (changed) => world.same(`Q13 ${act.do}`, changed.length, model.acted(act, targets)),
      }),
    replace: (replacement) => real.replace(replacement),
  };
}

function begunText(result: BeginResult): string {
  if (result.status === 'leased-elsewhere') return 'leased elsewhere';
  const recovered = result.recovered > 0 ? `, recovered ${result.recovered}` : '';
  if (result.status === 'idle') return `idle, next due in ${result.nextDueInMs}${recovered}`;
  return `fence ${result.lease.fence}, claimed ${sequences(result.messages)}${recovered}`;
}

function settledText({ outcomes, then, lease }: SettleRequest, result: SettleResult): string {
  const unmatched = new Set(result.unmatched);
  const settled = outcomes.map(
    ({ sequence, kind }) => `${sequence} ${kind}${unmatched.has(sequence) ? ' (unmatched)' : ''}`,
  );
  const claimed = then.do === 'claim' ? `, claimed ${sequences(result.messages)}` : '';
  return `fence ${lease.fence}, [${settled.join(', ')}], lease ${result.lease}${claimed}`;
}

function sequences(messages: readonly { readonly sequence: number }[]): string {
  return `[${messages.map(({ sequence }) => sequence).join(' ')}]`;
}
