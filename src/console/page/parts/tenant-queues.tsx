import { Fragment } from 'preact';
import type { TenantDetails } from '../../routes/tenants.ts';
import { count, fullTime } from '../format.ts';
import type { Json } from '../json.ts';
import { Age } from './ages.tsx';
import { Count } from './numbers.tsx';
import { Scroll } from './scroll.tsx';
import { Empty } from './states.tsx';

interface PartProps {
  tenant: Json<TenantDetails>;
  asOf: Date;
}

/** What is stored in the tenant's queues, as of the runs that counted. */
export function QueueCounts({ tenant, asOf }: PartProps) {
  const queues = Object.entries(tenant.schedule.queues);
  if (queues.length === 0)
    return (
      <section aria-labelledby="queues">
        <h2 id="queues">Queues</h2>
        <Empty>No run has counted the messages yet.</Empty>
      </section>
    );
  return (
    <section aria-labelledby="queues">
      <h2 id="queues">Queues</h2>
      <Scroll label="Queues">
        <table>
          <thead>
            <tr>
              <th scope="col">Queue</th>
              {['Due', 'Oldest due', 'Waiting', 'Blocked', 'Dead', 'Parked', 'Counted'].map((title) => (
                <th scope="col" class="number" key={title}>
                  {title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {queues.map(([name, queue]) => {
              const parked = queue.parked.reduce((total, each) => total + each.count, 0);
              const isAtLeast = (of: string) => queue.atLeast.some((each) => each === of);
              const oldest =
                queue.oldestDueAgeMs === null
                  ? null
                  : new Date(Date.parse(queue.asOfUtc) - queue.oldestDueAgeMs).toISOString();
              return (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td class="number">
                    <Count value={queue.due} atLeast={isAtLeast('due')} />
                  </td>
                  <td class="number">
                    <Age utc={oldest} asOf={asOf} />
                  </td>
                  <td class="number">
                    <Count value={queue.ready} atLeast={isAtLeast('ready')} />
                  </td>
                  <td class="number">
                    <Count value={queue.blocked} atLeast={isAtLeast('blocked')} />
                  </td>
                  <td class="number">
                    <Count value={queue.dead} tone="bad" atLeast={isAtLeast('dead')} />
                  </td>
                  <td class="number">
                    <Count value={parked} tone="warn" atLeast={isAtLeast('parked')} />
                  </td>
                  <td class="number">
                    <Age utc={queue.asOfUtc} asOf={asOf} past="ago" />
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </Scroll>
      {queues.some(([, { parked }]) => parked.length > 0) && (
        <p>
          Parked, because no handler takes these topics:{' '}
          {queues.flatMap(([name, { parked }]) =>
            parked.map(({ topic, count: number }) => (
              <span class="tag" key={`${name} ${topic}`}>
                {topic} ×{count(number)}
              </span>
            )),
          )}
        </p>
      )}
    </section>
  );
}

/** The topics whose last attempts failed. */
export function FailingTopics({ tenant, asOf }: PartProps) {
  const topics = tenant.schedule.failingTopics;
  if (topics.length === 0) return null;
  return (
    <section aria-labelledby="failing-topics">
      <h2 id="failing-topics">Failing topics</h2>
      <Scroll label="Failing topics">
        <table>
          <thead>
            <tr>
              <th scope="col">Topic</th>
              <th scope="col" class="number">
                Failures
              </th>
              <th scope="col" class="number">
                Since
              </th>
              <th scope="col" class="number">
                Last
              </th>
            </tr>
          </thead>
          <tbody>
            {topics.map(({ queue, topic, source, failures, sinceUtc, lastUtc, error, messageId }) => (
              <Fragment key={`${queue} ${topic} ${source}`}>
                <tr class="joined">
                  <th scope="row" class="wrap">
                    {topic} {source !== null && <span class="tag">{source}</span>}{' '}
                    <span class="faint">{queue}</span>
                  </th>
                  <td class="number">
                    <Count value={failures} tone="bad" />
                  </td>
                  <td class="number" title={fullTime(sinceUtc)}>
                    <Age utc={sinceUtc} asOf={asOf} />
                  </td>
                  <td class="number">
                    <Age utc={lastUtc} asOf={asOf} />
                  </td>
                </tr>
                <tr>
                  <td colSpan={4} class="wrap" title={`message ${messageId}`}>
                    <span class="faint">Last error:</span> {error}
                  </td>
                </tr>
              </Fragment>
            ))}
          </tbody>
        </table>
      </Scroll>
    </section>
  );
}
