/**
 * A process of its own that contends with others for one storage: `node contender.ts <task as JSON>`. It opens the
 * engine, says `ready`, waits for a line on its input so that all start together, and prints what it saw.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { Engine, TenantAddress } from '../../src/engine/engine.ts';
import type { LeaseRef } from '../../src/engine/lease-store.ts';
import type { QueueName } from '../../src/engine/work-queue.ts';
import type { EngineModule } from './harness.ts';

export interface Claimed {
  readonly messageId: string;
  readonly fence: number;
  readonly attempt: number;
}

export interface Results {
  /** Every claim, and the messages that were settled as done and not lost. */
  drain: { claims: Claimed[]; done: string[]; lost: number };
  produce: { messageIds: string[] };
  /** Names of the leases acquired. */
  race: { won: string[] };
  /** One fence for each acquisition; `renewals` counts the renewals that succeeded. */
  hold: { fences: number[]; renewals: number };
  plan: { won: { tenantId: string; planVersion: number; fence: number }[] };
  migrate: { steps: number[] };
}

export type Job =
  /**
   * Runs until `total` messages are done; leaves every `abandonEvery`th batch as a crashed run would. Settles with
   * the claim of the next batch in one call.
   */
  | {
      kind: 'drain';
      address: TenantAddress;
      queue: QueueName;
      owner: string;
      leaseMs: number;
      limit: number;
      total: number;
      abandonEvery: number;
      abandonAtMost: number;
    }
  | { kind: 'produce'; address: TenantAddress; queue: QueueName; name: string; batches: number; size: number }
  | { kind: 'race'; address: TenantAddress; owner: string; names: string[] }
  | { kind: 'hold'; address: TenantAddress; owner: string; name: string; leaseMs: number; rounds: number }
  | { kind: 'plan'; owner: string; leaseMs: number; rounds: number }
  | { kind: 'migrate'; address: TenantAddress };

export interface Task {
  readonly engine: EngineModule;
  readonly job: Job;
}

const shortly = () => pause(5);

async function drain(engine: Engine, job: Extract<Job, { kind: 'drain' }>): Promise<Results['drain']> {
  const queue = engine.openTenant(job.address).queue(job.queue);
  const claim = { limit: job.limit, maxBytes: 1_000_000 };
  const then = { do: 'claim', solo: true, ...claim } as const;
  const seen: Results['drain'] = { claims: [], done: [], lost: 0 };
  let batches = 0;
  let abandoned = 0;
  while ((await queue.statistics()).done < job.total) {
    const run = await queue.begin({ owner: job.owner, durationMs: job.leaseMs, claim });
    if (run.status !== 'claimed') {
      await shortly();
      continue;
    }
    const { lease } = run;
    let { messages } = run;
    while (messages.length > 0) {
      for (const { messageId, attempt } of messages) {
        seen.claims.push({ messageId, attempt, fence: lease.fence });
      }
      if (++batches % job.abandonEvery === 0 && abandoned < job.abandonAtMost) {
        abandoned++;
        break;
      }
      const settled = await queue.settle({
        lease,
        leaseMs: job.leaseMs,
        outcomes: messages.map(({ sequence, messageId }) => ({ sequence, messageId, kind: 'done' })),
        onDead: 'block',
        then,
      });
      seen.lost += settled.unmatched.length;
      const lost = new Set(settled.unmatched);
      for (const each of messages) if (!lost.has(each.sequence)) seen.done.push(each.messageId);
      ({ messages } = settled);
    }
  }
  return seen;
}

async function produce(engine: Engine, job: Extract<Job, { kind: 'produce' }>): Promise<Results['produce']> {
  const queue = engine.openTenant(job.address).queue(job.queue);
  const messageIds: string[] = [];
  for (let batch = 0; batch < job.batches; batch++) {
    const messages = Array.from({ length: job.size }, (_, index) => ({
      messageId: randomUUID(),
      topic: 'orders',
      payload: `${job.name} ${batch} ${index}`,
      // Every second message has an ordering key.
      ...(index % 2 ? { orderingKey: `${job.name} ${index}` } : {}),
    }));
    const results = await queue.enqueue(messages);
    messageIds.push(...results.map(({ messageId }) => messageId));
    await shortly();
  }
  return { messageIds };
}

async function race(engine: Engine, job: Extract<Job, { kind: 'race' }>): Promise<Results['race']> {
  const { leases } = engine.openTenant(job.address);
  const won: string[] = [];
  for (const name of job.names) {
    const result = await leases.acquire({ name, owner: job.owner, durationMs: 600_000 });
    if (result.status === 'acquired') won.push(name);
  }
  return { won };
}

async function hold(engine: Engine, job: Extract<Job, { kind: 'hold' }>): Promise<Results['hold']> {
  const { leases } = engine.openTenant(job.address);
  const fences: number[] = [];
  let renewals = 0;
  while (fences.length < job.rounds) {
    const result = await leases.acquire({ name: job.name, owner: job.owner, durationMs: job.leaseMs });
    if (result.status !== 'acquired') {
      await shortly();
      continue;
    }
    fences.push(result.fence);
    const { fence, acquisitionId } = result;
    const lease: LeaseRef = { name: job.name, owner: job.owner, fence, acquisitionId };
    for (let renewal = 0; renewal < 3; renewal++) {
      if ((await leases.renew(lease, job.leaseMs)).status === 'renewed') renewals++;
    }
    // Every other lease is not released, so that it runs out.
    if (fences.length % 2) await leases.release(lease);
  }
  return { fences, renewals };
}

async function plan(engine: Engine, job: Extract<Job, { kind: 'plan' }>): Promise<Results['plan']> {
  const registry = engine.openRegistry();
  const won: Results['plan']['won'] = [];
  for (let round = 0; round < job.rounds; ) {
    const begun = await registry.beginPlan({ owner: job.owner, leaseMs: job.leaseMs, limit: 4 });
    if (begun.status !== 'due') {
      await shortly();
      continue;
    }
    round++;
    const choices = begun.candidates.map(({ tenant, planVersion }) => ({ tenantId: tenant.id, planVersion }));
    // Every fifth round takes longer than the lease.
    if (round % 5 === 0) await pause(2 * job.leaseMs);
    const ids = await registry.commitPlan({ lease: begun.lease, choices, redispatchMs: 1 });
    for (const choice of choices)
      if (ids.includes(choice.tenantId)) won.push({ ...choice, fence: begun.lease.fence });
  }
  return { won };
}

async function migrate(engine: Engine, job: Extract<Job, { kind: 'migrate' }>): Promise<Results['migrate']> {
  const { steps } = await engine.openTenant(job.address).schema.migrate();
  return { steps: steps.map(({ version }) => version) };
}

function perform(engine: Engine, job: Job): Promise<Results[Job['kind']]> {
  switch (job.kind) {
    case 'drain':
      return drain(engine, job);
    case 'produce':
      return produce(engine, job);
    case 'race':
      return race(engine, job);
    case 'hold':
      return hold(engine, job);
    case 'plan':
      return plan(engine, job);
    case 'migrate':
      return migrate(engine, job);
  }
}

const task = JSON.parse(process.argv[2]!) as Task;
const module = await import(pathToFileURL(task.engine.module).href);
const engine = module[task.engine.create](task.engine.options) as Engine;
process.stdout.write('ready\n');
// The input ends when the parent process ends; this process then ends too.
process.stdin.once('end', () => process.exit(1));
await new Promise((resolve) => process.stdin.once('data', resolve));
const result = await perform(engine, task.job);
await engine.close();
process.stdin.removeAllListeners('end').destroy();
process.stdout.write(`${JSON.stringify(result)}\n`);
