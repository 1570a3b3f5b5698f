import type { History } from '../../../fleet/operations/history.ts';
import type { TenantDetails } from '../../routes/tenants.ts';
import { count, counted, duration } from '../format.ts';
import type { Json } from '../json.ts';
import { Link } from '../location.tsx';
import { Age } from '../parts/ages.tsx';
import { AsOf, PartAsOf } from '../parts/as-of.tsx';
import { Troubles } from '../parts/badges.tsx';
import { Facts } from '../parts/facts.tsx';
import { Count } from '../parts/numbers.tsx';
import { PolledPart } from '../parts/states.tsx';
import { TenantActs } from '../parts/tenant-acts.tsx';
import { TenantHistory } from '../parts/tenant-history.tsx';
import { TenantOverrides } from '../parts/tenant-overrides.tsx';
import { FailingTopics, QueueCounts } from '../parts/tenant-queues.tsx';
import { usePolled } from '../polling.ts';
import type { PageProps } from './page-props.ts';

export function TenantPage({ names }: PageProps) {
  const id = names.tenant!;
  const path = `/api/tenants/${encodeURIComponent(id)}`;
  const tenant = usePolled<Json<TenantDetails>>(path);
  const history = usePolled<Json<History>>(`${path}/history`, { hours: '48' }, { every: 30_000 });
  return (
    <>
      <div class="head">
        <h1>
          <Link to="/tenants" class="faint">
            Tenants
          </Link>{' '}
          / {id} {tenant.data && <Troubles row={tenant.data.row} />}
        </h1>
        <AsOf asOf={tenant.asOf} note="from the registry; no database is touched" />
      </div>
      <PolledPart polled={tenant} of="the tenant">
        {(data, asOf) => (
          <>
            <div class="bar">
              <TenantActs row={data.row} onDone={tenant.refresh} />
              {(['outbox', 'inbox'] as const).map((queue) => (
                <Link
                  key={queue}
                  to={`/tenants/${encodeURIComponent(id)}/messages/${queue}`}
                  query={{ state: 'dead' }}
                  class="button"
                >
                  Messages of the {queue}…
                </Link>
              ))}
              <Link to={`/tenants/${encodeURIComponent(id)}/leases`} class="button">
                Leases…
              </Link>
              <Link to="/doctor" query={{ tenant: id }} class="button">
                Doctor…
              </Link>
              <Link to="/audit" query={{ tenant: id }} class="button">
                Audit
              </Link>
            </div>
            <div class="columns">
              <div>
                <LastError tenant={data} asOf={asOf} />
                <QueueCounts tenant={data} asOf={asOf} />
                <FailingTopics tenant={data} asOf={asOf} />
                <section aria-labelledby="history">
                  <h2 id="history">
                    Last 48 hours <PartAsOf asOf={history.asOf} />
                  </h2>
                  <PolledPart polled={history} of="the history">
                    {(read) => <TenantHistory history={read} />}
                  </PolledPart>
                </section>
              </div>
              <div>
                <Schedule tenant={data} asOf={asOf} />
                <Definition tenant={data} asOf={asOf} />
                <TenantOverrides tenant={data} onDone={tenant.refresh} />
              </div>
            </div>
          </>
        )}
      </PolledPart>
    </>
  );
}

interface PartProps {
  tenant: Json<TenantDetails>;
  asOf: Date;
}

function LastError({ tenant, asOf }: PartProps) {
  const { lastError, lastErrorCode, lastErrorUtc, failureStreak } = tenant.schedule;
  if (lastError === null) return null;
  return (
    <section class="error" aria-labelledby="last-error">
      <h2 id="last-error">
        {failureStreak > 0 ? `The last ${counted(failureStreak, 'run')} failed` : 'The last run had an error'}
      </h2>
      <p>
        <code>{lastErrorCode}</code> <Age utc={lastErrorUtc} asOf={asOf} past="ago" />
      </p>
      <pre>{lastError}</pre>
    </section>
  );
}

function LongestWait({ schedule, asOf }: { schedule: Json<TenantDetails>['schedule']; asOf: Date }) {
  const { longestWaitMs, longestWaitUtc } = schedule;
  if (longestWaitMs === null) return <>–</>;
  return (
    <>
      {duration(longestWaitMs)}, <Age utc={longestWaitUtc} asOf={asOf} past="ago" />
    </>
  );
}

function LastPlanned({ schedule, asOf }: { schedule: Json<TenantDetails>['schedule']; asOf: Date }) {
  const { lastPlannedUtc, lastRunUtc } = schedule;
  // Both are in the same form, so that their order is that of the texts.
  const isReported = lastPlannedUtc === null || (lastRunUtc !== null && lastPlannedUtc <= lastRunUtc);
  return (
    <>
      <Age utc={lastPlannedUtc} asOf={asOf} past="ago" none="never" />
      {!isReported &&
        ', and its run has not reported: it is in flight, was skipped or is lost; see the leases'}
    </>
  );
}

function Schedule({ tenant, asOf }: PartProps) {
  const { schedule } = tenant;
  const { lastCounts, totals } = schedule;
  return (
    <section aria-labelledby="schedule">
      <h2 id="schedule">Schedule</h2>
      <Facts
        facts={[
          ['Last run', <Age key="run" utc={schedule.lastRunUtc} asOf={asOf} past="ago" none="never" />],
          ['Outcome', schedule.lastOutcome ?? '–'],
          ['Took', schedule.lastDurationMs === null ? '–' : duration(schedule.lastDurationMs)],
          ['Longest wait', <LongestWait key="wait" schedule={schedule} asOf={asOf} />],
          ['Last planned', <LastPlanned key="plan" schedule={schedule} asOf={asOf} />],
          [
            'Next due',
            <Age key="due" utc={schedule.nextDueUtc} asOf={asOf} past="late" none="when it is woken" />,
          ],
          ['Idle runs in a row', count(schedule.idleStreak)],
          ['Failed runs in a row', <Count key="failed" value={schedule.failureStreak} tone="bad" />],
          ['Left due messages', schedule.backlog ? 'yes' : 'no'],
        ]}
      />
      <table>
        <caption class="unseen">Messages of runs</caption>
        <thead>
          <tr>
            <th scope="col">Messages</th>
            <th scope="col" class="number">
              Last run
            </th>
            <th scope="col" class="number">
              In all
            </th>
          </tr>
        </thead>
        <tbody>
          {(Object.keys(totals) as (keyof typeof totals)[]).map((name) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td class="number">
                <Count value={lastCounts?.[name]} />
              </td>
              <td class="number">
                <Count value={totals[name]} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Definition({ tenant, asOf }: PartProps) {
  const { overrides } = tenant;
  const idle = overrides.idleCeilingMs;
  return (
    <section aria-labelledby="definition">
      <h2 id="definition">Definition</h2>
      <Facts
        facts={[
          ['Status', `${tenant.status}${tenant.pausedByOperator ? ' (by an operator)' : ''}`],
          ['Server', tenant.server || 'embedded'],
          ['Database', tenant.database],
          ['Schema', tenant.schema],
          ['Schema version', tenant.schemaVersion === null ? 'not recorded' : count(tenant.schemaVersion)],
          ['Priority', count(tenant.priority)],
          ['Weight', String(tenant.weight)],
          ['SLA', tenant.slaSeconds === null ? 'none' : duration(tenant.slaSeconds * 1_000)],
          ['Batch size', overrides.batchSize === undefined ? 'as the fleet' : count(overrides.batchSize)],
          [
            'Concurrency',
            overrides.concurrency === undefined ? 'as the fleet' : count(overrides.concurrency),
          ],
          ['Idle ceiling', idle === undefined ? 'as the fleet' : idle === 'never' ? 'never' : duration(idle)],
          ...Object.entries(tenant.tags).map(([key, value]) => [`Tag ${key}`, value] as const),
          ['Added', <Age key="added" utc={tenant.addedUtc} asOf={asOf} past="ago" />],
        ]}
      />
    </section>
  );
}
