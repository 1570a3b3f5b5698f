import type { ErrorGroup } from '../../../fleet/messages/errors.ts';
import type { ErrorsAnswer } from '../../routes/errors.ts';
import { count, counted } from '../format.ts';
import { Link } from '../location.tsx';
import { Age } from '../parts/ages.tsx';
import { AsOf } from '../parts/as-of.tsx';
import { OperationButtons } from '../parts/operation-buttons.tsx';
import { Empty, PolledPart } from '../parts/states.tsx';
import { Touches } from '../parts/touches.tsx';
import { usePolled } from '../polling.ts';

export function ErrorsPage() {
  return (
    <>
      <div class="head">
        <h1>Errors of dead messages</h1>
      </div>
      <Touches what="the databases of the tenants that have dead messages">
        <Groups />
      </Touches>
    </>
  );
}

function Groups() {
  const errors = usePolled<ErrorsAnswer>('/api/errors', {}, { every: null });
  return (
    <PolledPart polled={errors} of="the dead messages">
      {(data, asOf) => (
        <>
          <div class="bar">
            <span>
              {counted(data.count, 'dead message')} of {counted(data.tenants, 'tenant')} in{' '}
              {counted(data.groups.length, 'group')}
              {data.withDead > data.tenants && (
                <span class="faint">
                  {' '}
                  · {count(data.withDead)} tenants have dead messages; those with the most were read
                </span>
              )}
              {data.cut > 0 && (
                <span class="faint"> · {counted(data.cut, 'tenant')} have more than were read</span>
              )}
            </span>
            <AsOf asOf={asOf} once />
            <button type="button" class="quiet" onClick={errors.refresh}>
              Read again
            </button>
          </div>
          {data.failures.map(({ tenantId, message }) => (
            <p class="stale" key={tenantId}>
              {tenantId} could not be read: {message}
            </p>
          ))}
          {data.groups.length === 0 ? (
            <Empty>No tenant has dead messages, by its last run.</Empty>
          ) : (
            data.groups.map((group) => <Group key={group.fingerprint} group={group} asOf={asOf} />)
          )}
        </>
      )}
    </PolledPart>
  );
}

function Group({ group, asOf }: { group: ErrorGroup; asOf: Date }) {
  const { fingerprint, text, topics, tenantIds, tenants, example } = group;
  return (
    <section class="group" aria-labelledby={`group-${fingerprint}`}>
      <h2 id={`group-${fingerprint}`}>
        <span class="count bad">{count(group.count)}</span> {text}
      </h2>
      <p>
        <span class="faint">first</span> <Age utc={group.firstUtc} asOf={asOf} past="ago" />{' '}
        <span class="faint">· last</span> <Age utc={group.lastUtc} asOf={asOf} past="ago" />{' '}
        <span class="faint">· topics</span>{' '}
        {topics.map((topic) => (
          <span class="tag" key={topic}>
            {topic}
          </span>
        ))}
      </p>
      <p>
        <span class="faint">{counted(tenants, 'tenant')}:</span>{' '}
        {tenantIds.map((id) => (
          <span key={id}>
            <Link to={`/tenants/${encodeURIComponent(id)}/messages/outbox`} query={{ state: 'dead' }}>
              {id}
            </Link>{' '}
          </span>
        ))}
        <span class="faint">·</span>{' '}
        <Link
          to={`/tenants/${encodeURIComponent(example.tenantId)}/messages/outbox/${encodeURIComponent(example.messageId)}`}
        >
          an example
        </Link>
      </p>
      <OperationButtons
        filter={filterOf(group)}
        queue="outbox"
        tenants={tenants > tenantIds.length ? undefined : tenantIds}
      />
    </section>
  );
}

/** The folded text's longest part that is the same in all errors of the group, and the topic if there is one. */
function filterOf({ text, topics }: ErrorGroup): { errorText?: string; topic?: string } {
  const parts = text.split(/<(?:n|id|text)>/).map((part) => part.trim());
  const longest = parts.reduce((best, part) => (part.length > best.length ? part : best), '');
  return {
    ...(longest.length > 3 && { errorText: longest.slice(0, 400) }),
    ...(topics.length === 1 && { topic: topics[0]! }),
  };
}
