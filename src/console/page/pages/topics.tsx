import type { FailingTopicRow, ParkedTopicRow, Topics } from '../../tenants/topics.ts';
import type { Json } from '../json.ts';
import { Link } from '../location.tsx';
import { Age } from '../parts/ages.tsx';
import { AsOf } from '../parts/as-of.tsx';
import { Count } from '../parts/numbers.tsx';
import { Empty, PolledPart } from '../parts/states.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { usePolled } from '../polling.ts';

type InTenants = Pick<FailingTopicRow, 'queue' | 'topic' | 'tenants' | 'tenantIds'>;

const topicColumns: readonly Column<InTenants>[] = [
  { title: 'Topic', wrap: true, cell: ({ topic }) => topic },
  { title: 'Queue', cell: ({ queue }) => queue },
  { title: 'Tenants', number: true, cell: ({ tenants }) => <Count value={tenants} /> },
];

const tenantColumn: Column<InTenants> = {
  title: 'Which',
  wrap: true,
  cell: ({ tenants, tenantIds, queue, topic }) => (
    <>
      {tenantIds.map((id) => (
        <span key={id}>
          <Link to={`/tenants/${encodeURIComponent(id)}`} class="row">
            {id}
          </Link>{' '}
          <Link
            to={`/tenants/${encodeURIComponent(id)}/messages/${queue}`}
            query={{ topic }}
            label={`messages of ${id}`}
          >
            (messages)
          </Link>{' '}
        </span>
      ))}
      {tenants > tenantIds.length && <span class="faint">and others</span>}
    </>
  ),
};

export function TopicsPage() {
  const topics = usePolled<Json<Topics>>('/api/topics', {}, { every: 10_000 });
  return (
    <>
      <div class="head">
        <h1>Topics</h1>
        <AsOf asOf={topics.asOf} note="as of each tenant’s last run" />
      </div>
      <PolledPart polled={topics} of="the topics">
        {({ failing, parked }, asOf) => (
          <>
            <section aria-labelledby="failing">
              <h2 id="failing">Failing</h2>
              {failing.length === 0 ? (
                <Empty>No topic fails.</Empty>
              ) : (
                <Table<FailingTopicRow>
                  caption="Failing topics"
                  rows={failing}
                  keyOf={({ queue, topic, source }) => JSON.stringify([queue, topic, source])}
                  columns={[
                    ...topicColumns,
                    { title: 'Source', cell: ({ source }) => source ?? '' },
                    {
                      title: 'Failures',
                      number: true,
                      cell: ({ failures }) => <Count value={failures} tone="bad" />,
                    },
                    {
                      title: 'Since',
                      number: true,
                      cell: ({ sinceUtc }) => <Age utc={sinceUtc} asOf={asOf} />,
                    },
                    {
                      title: 'Last',
                      number: true,
                      cell: ({ lastUtc }) => <Age utc={lastUtc} asOf={asOf} past="ago" />,
                    },
                    tenantColumn,
                  ]}
                />
              )}
            </section>
            <section aria-labelledby="parked">
              <h2 id="parked">Parked: no handler takes them</h2>
              {parked.length === 0 ? (
                <Empty>Every topic has a handler.</Empty>
              ) : (
                <Table<ParkedTopicRow>
                  caption="Parked topics"
                  rows={parked}
                  keyOf={({ queue, topic }) => JSON.stringify([queue, topic])}
                  columns={[
                    ...topicColumns,
                    {
                      title: 'Messages',
                      number: true,
                      cell: ({ count }) => <Count value={count} tone="warn" />,
                    },
                    tenantColumn,
                  ]}
                />
              )}
            </section>
          </>
        )}
      </PolledPart>
    </>
  );
}
