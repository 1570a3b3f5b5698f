import type { Pulse, Worst } from '../../routes/pulse.ts';
import { age, ageOf, count, counted } from '../format.ts';
import { AsOf, PartAsOf } from '../parts/as-of.tsx';
import { Attention, messageLateMs } from '../parts/attention.tsx';
import { FleetCharts } from '../parts/fleet-charts.tsx';
import { NewTopics } from '../parts/new-topics.tsx';
import { PulseHosts } from '../parts/pulse-hosts.tsx';
import { Empty, PolledPart } from '../parts/states.tsx';
import { TenantTable } from '../parts/tenant-table.tsx';
import { Tile } from '../parts/tiles.tsx';
import { usePolled } from '../polling.ts';

export function PulsePage() {
  const pulse = usePolled<Pulse>('/api/pulse');
  const worst = usePolled<Worst>('/api/pulse/worst', {}, { every: 10_000 });
  return (
    <>
      <div class="head">
        <h1>Pulse</h1>
        <AsOf asOf={pulse.asOf} note="counts of messages are those of each tenant’s last run" />
      </div>
      <PolledPart polled={pulse} of="the registry">
        {(data, asOf) => (
          <>
            <Attention pulse={data} asOf={asOf} />
            <Tiles pulse={data} asOf={asOf} />
          </>
        )}
      </PolledPart>
      <PulseHosts />
      <FleetCharts />
      {worst.data !== null && worst.asOf !== null && (
        <NewTopics topics={worst.data.newTopics} asOf={worst.asOf} />
      )}
      <section aria-labelledby="worst">
        <h2 id="worst">
          Worst tenants{' '}
          {worst.data !== null && (
            <span class="faint">
              {count(worst.data.tenants.length)} of {count(worst.data.troubled)} that need attention
            </span>
          )}{' '}
          <PartAsOf asOf={worst.asOf} />
        </h2>
        <PolledPart polled={worst} of="the tenants">
          {({ tenants }, asOf) =>
            tenants.length === 0 ? (
              <Empty>No tenant fails, waits, or has dead messages.</Empty>
            ) : (
              <TenantTable rows={tenants} asOf={asOf} caption="The tenants that most need attention" />
            )
          }
        </PolledPart>
      </section>
    </>
  );
}

function Tiles({ pulse, asOf }: { pulse: Pulse; asOf: Date }) {
  const { tenants, stored, lastPlan } = pulse;
  const atLeast = (name: (typeof stored.atLeast)[number]) => stored.atLeast.includes(name);
  const planAge = ageOf(lastPlan?.utc ?? null, asOf);
  const waitsMs = ageOf(stored.oldestDueUtc, asOf);
  const countMs = ageOf(stored.oldestCountUtc, asOf);
  const dueMs = ageOf(pulse.dueSinceUtc, asOf);
  const filtered = (q: string, sort?: string) => ({
    to: '/tenants',
    query: { q, sort, desc: sort && 'true' },
  });
  return (
    <div class="tiles">
      <Tile title="Active tenants" value={count(tenants.active)} to="/tenants">
        {count(tenants.paused)} paused, {count(tenants.retired)} retired
      </Tile>
      <Tile
        title="Oldest due message"
        value={waitsMs === null ? 'none' : age(waitsMs)}
        tone={(waitsMs ?? 0) > messageLateMs ? 'warn' : undefined}
        {...filtered('', 'oldest')}
      >
        {countMs === null ? 'no tenant was counted yet' : `oldest count ${age(countMs)} ago`}
      </Tile>
      <Tile title="Due messages" value={count(stored.due, atLeast('due'))} {...filtered('is:backlog', 'due')}>
        {count(stored.ready, atLeast('ready'))} waiting in all, {count(stored.blocked, atLeast('blocked'))}{' '}
        blocked
      </Tile>
      <Tile
        title="Dead messages"
        value={count(stored.dead, atLeast('dead'))}
        tone={stored.dead > 0 ? 'bad' : undefined}
        {...filtered('is:dead', 'dead')}
      >
        in {counted(pulse.withDead, 'tenant')}
      </Tile>
      <Tile
        title="Failing tenants"
        value={count(pulse.failing)}
        tone={pulse.failing > 0 ? 'bad' : undefined}
        {...filtered('is:failing status:active', 'failing')}
      >
        {pulse.failing === 0
          ? 'every last run ended well'
          : `longest streak ${counted(pulse.longestFailureStreak, 'run')}`}
      </Tile>
      <Tile
        title="Tenants with failing topics"
        value={count(pulse.withFailingTopics)}
        tone={pulse.withFailingTopics > 0 ? 'bad' : undefined}
        {...filtered('is:failing-topics status:active', 'failing')}
      >
        {pulse.withFailingTopics === 0 ? 'every handler works' : 'handlers fail for them'}
      </Tile>
      <Tile
        title="Parked messages"
        value={count(stored.parked, atLeast('parked'))}
        tone={stored.parked > 0 ? 'warn' : undefined}
        {...filtered('is:parked')}
      >
        of topics without a handler
      </Tile>
      <Tile title="Due tenants" value={count(pulse.due)} to="/plans">
        {dueMs === null ? 'nobody waits' : `longest for ${age(dueMs)}`}
      </Tile>
      <Tile
        title="Last plan"
        value={planAge === null ? 'never' : `${age(planAge)} ago`}
        tone={planAge !== null && planAge > pulse.planLateMs ? 'warn' : undefined}
      >
        {lastPlan === null
          ? 'no host has planned'
          : `${count(lastPlan.due)} due, ${count(lastPlan.chosen)} chosen`}
      </Tile>
      <Tile title="Dispatched" value={count(pulse.totals.done)}>
        {count(pulse.totals.retried)} retried, {count(pulse.totals.lost)} lost, in all
      </Tile>
    </div>
  );
}
