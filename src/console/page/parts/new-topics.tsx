import type { FailingTopicRow } from '../../tenants/topics.ts';
import { counted } from '../format.ts';
import { Link } from '../location.tsx';
import { Age } from './ages.tsx';
import { PartAsOf } from './as-of.tsx';

/** What began to fail lately: known from the runs' reports, so no tenant's database is read for it. */
export function NewTopics({ topics, asOf }: { topics: readonly FailingTopicRow[]; asOf: Date }) {
  if (topics.length === 0) return null;
  return (
    <section aria-labelledby="new-topics">
      <h2 id="new-topics">
        Began to fail in the last 24 hours <PartAsOf asOf={asOf} />
      </h2>
      <ul class="lines">
        {topics.map(({ queue, topic, source, sinceUtc, tenants }) => (
          <li key={JSON.stringify([queue, topic, source])}>
            <Link to="/topics">{topic}</Link> <span class="faint">{queue}</span>{' '}
            <Age utc={sinceUtc} asOf={asOf} past="ago" />
            <span class="faint">, in {counted(tenants, 'tenant')}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
