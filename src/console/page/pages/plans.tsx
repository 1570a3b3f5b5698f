import type { Plans } from '../../routes/fleet.ts';
import type { NextTenant } from '../../tenants/next-plan.ts';
import { ageOf, count, counted, exactDuration } from '../format.ts';
import type { Json } from '../json.ts';
import { Age } from '../parts/ages.tsx';
import { AsOf } from '../parts/as-of.tsx';
import { Facts } from '../parts/facts.tsx';
import { settingText } from '../parts/setting-text.ts';
import { Empty, PolledPart } from '../parts/states.tsx';
import { Table } from '../parts/table.tsx';
import { TenantLink } from '../parts/tenant-link.tsx';
import { usePolled } from '../polling.ts';

export function PlansPage() {
  const plans = usePolled<Json<Plans>>('/api/plans');
  return (
    <>
      <div class="head">
        <h1>Plans</h1>
        <AsOf asOf={plans.asOf} />
      </div>
      <PolledPart polled={plans} of="the plans">
        {({ lastPlan, planLateMs, due, onWake, next, settings }, asOf) => (
          <div class="columns">
            <section aria-labelledby="next">
              <h2 id="next">
                Who is next <span class="faint">{counted(next.length, 'tenant')}, the longest due first</span>
              </h2>
              {next.length === 0 ? (
                <Empty>No tenant is due by time: runs follow wakes.</Empty>
              ) : (
                <Table<Json<NextTenant>>
                  caption="Tenants by the time at which they are due"
                  rows={next}
                  keyOf={({ row }) => row.id}
                  columns={[
                    { title: 'Tenant', cell: ({ row }) => <TenantLink row={row} /> },
                    {
                      title: 'Due',
                      number: true,
                      cell: ({ nextDueUtc }) => <Age utc={nextDueUtc} asOf={asOf} past="late" />,
                    },
                    { title: 'Why', cell: ({ why }) => why },
                    {
                      title: 'Last run',
                      number: true,
                      cell: ({ row }) => <Age utc={row.lastRunUtc} asOf={asOf} past="ago" none="never" />,
                    },
                  ]}
                />
              )}
            </section>
            <section aria-labelledby="plan">
              <h2 id="plan">Last plan</h2>
              <Facts
                facts={[
                  [
                    'When',
                    <>
                      <Age utc={lastPlan?.utc ?? null} asOf={asOf} past="ago" none="no plan was made" />{' '}
                      {(ageOf(lastPlan?.utc ?? null, asOf) ?? 0) > planLateMs && (
                        <span class="badge bad">late</span>
                      )}
                    </>,
                  ],
                  ['Late after', exactDuration(planLateMs)],
                  ['Found due', lastPlan === null ? '–' : count(lastPlan.due)],
                  ['Chosen', lastPlan === null ? '–' : count(lastPlan.chosen)],
                  ['Due now', count(due)],
                  ['Only on a wake', count(onWake)],
                  ...settings.map(
                    (setting) => [setting.option, `${settingText(setting)} (${setting.source})`] as const,
                  ),
                ]}
              />
            </section>
          </div>
        )}
      </PolledPart>
    </>
  );
}
