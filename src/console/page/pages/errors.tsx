import type { ErrorGroup } from '../../../fleet/messages/errors.ts';
import type { ErrorsAnswer } from '../../routes/errors.ts';
import { count, counted } from '../format.ts';
import { addressOf, go, Link } from '../location.tsx';
import { Age } from '../parts/ages.tsx';
import { AsOf } from '../parts/as-of.tsx';
import { OperationButtons } from '../parts/operation-buttons.tsx';
import { Empty, PolledPart } from '../parts/states.tsx';
import { TenantsField } from '../parts/tenants-field.tsx';
import { Touches } from '../parts/touches.tsx';
import { usePolled } from '../polling.ts';
import type { PageProps } from './page-props.ts';

const queues = ['outbox', 'inbox'] as const;

export function ErrorsPage({ place }: PageProps) {
  const { q = '', queue = 'outbox', group } = place.query;
  return (
    <>
      <div class="head">
        <h1>Errors of dead messages</h1>
      </div>
      <form
        key={JSON.stringify(place.query)}
        class="fields"
        onSubmit={(event) => {
          event.preventDefault();
          const given = String(new FormData(event.currentTarget).get('q')).trim();
          go(addressOf('/errors', { ...place.query, group: undefined, q: given }));
        }}
      >
        <nav class="chips" aria-label="Queue">
          {queues.map((name) => (
            <Link
              key={name}
              to="/errors"
              query={{ ...place.query, group: undefined, queue: name === 'outbox' ? undefined : name }}
              current={name === queue}
              class="chip"
            >
              {name}
            </Link>
          ))}
        </nav>
        <TenantsField q={q} />
        <button type="submit" class="primary">
          Search
        </button>
      </form>
      <Touches what="the databases of the tenants that have dead messages">
        <Groups q={q} queue={queue} only={group} />
      </Touches>
    </>
  );
}

interface GroupsProps {
  q: string;
  queue: string;
  /** The fingerprint of the one group that is shown; the same messages are read for one as for all. */
  only: string | undefined;
}

function Groups({ q, queue, only }: GroupsProps) {
  const errors = usePolled<ErrorsAnswer>('/api/errors', { q, queue }, { every: null });
  return (
    <PolledPart polled={errors} of="the dead messages">
      {(data, asOf) => (
        <>
          <div class="bar">
            <span>
              {counted(data.count, 'dead message')} of {counted(data.tenants, 'tenant')} in{' '}
              {counted(data.groupsInAll, 'group')}
              {data.groupsInAll > data.groups.length && (
                <span class="faint"> · the {count(data.groups.length)} largest are shown</span>
              )}
              {data.withDead > data.tenants && (
                <span class="faint">
                  {' '}
                  · {count(data.withDead)} tenants have dead messages; those with the most were read
                </span>
              )}
              {data.cut > 0 && (
                <span class="faint">
                  {' '}
                  · {counted(data.cut, 'tenant')} {data.cut === 1 ? 'has' : 'have'} more than were read
                </span>
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
          <GroupList groups={data.groups} only={only} q={q} queue={queue} asOf={asOf} />
        </>
      )}
    </PolledPart>
  );
}

type GroupListProps = GroupsProps & { groups: readonly ErrorGroup[]; asOf: Date };

function GroupList({ groups, only, q, queue, asOf }: GroupListProps) {
  const shown = only === undefined ? groups : groups.filter(({ fingerprint }) => fingerprint === only);
  const isFor = (group: ErrorGroup) => (
    <Group key={group.fingerprint} group={group} q={q} queue={queue} asOf={asOf} />
  );
  if (only !== undefined)
    return (
      <>
        <p class="faint">
          {shown.length === 0
            ? 'Among what was read there is no such group; its messages may have been replayed or discarded.'
            : 'This is one group of errors.'}{' '}
          <Link to="/errors" query={{ q, queue }}>
            Show all groups
          </Link>
        </p>
        {shown.map(isFor)}
      </>
    );
  if (shown.length > 0) return <>{shown.map(isFor)}</>;
  return (
    <Empty>
      No tenant{q !== '' && ' that matches'} has dead messages in its {queue}, by its last run.
    </Empty>
  );
}

interface GroupProps {
  group: ErrorGroup;
  q: string;
  queue: string;
  asOf: Date;
}

function Group({ group, q, queue, asOf }: GroupProps) {
  const { fingerprint, text, topics, tenantIds, tenants, example } = group;
  const filter = filterOf(group);
  return (
    <section class="group" aria-labelledby={`group-${fingerprint}`}>
      <h2 id={`group-${fingerprint}`}>
        <span class="count bad">{count(group.count)}</span>{' '}
        <Link to="/errors" query={{ q, queue, group: fingerprint }}>
          {text}
        </Link>
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
            <Link
              to={`/tenants/${encodeURIComponent(id)}/messages/${queue}`}
              query={{ state: 'dead', ...filter }}
            >
              {id}
            </Link>{' '}
          </span>
        ))}
        {tenants > tenantIds.length && <span class="faint">and others </span>}
        <span class="faint">·</span>{' '}
        <Link
          to={`/tenants/${encodeURIComponent(example.tenantId)}/messages/${queue}/${encodeURIComponent(example.messageId)}`}
        >
          an example
        </Link>
      </p>
      {filter.errorText === undefined ? (
        <p class="faint">
          These errors have no text in common that a filter could use; act on chosen messages of a tenant.
        </p>
      ) : (
        <OperationButtons
          filter={filter}
          queue={queue}
          tenants={tenants > tenantIds.length ? undefined : tenantIds}
          q={q}
        />
      )}
    </section>
  );
}

/** What the messages of a group have in common: a part of their errors, and the topic if there is one. */
function filterOf({ matching, topics }: ErrorGroup): { errorText?: string; topic?: string } {
  const [topic, ...others] = topics;
  const isTyped = topic !== undefined && topic.length <= 400 && !/[\p{Cc}\p{Cs}]/u.test(topic);
  return {
    ...(matching !== null && { errorText: matching }),
    ...(isTyped && others.length === 0 && { topic }),
  };
}
