import { useState } from 'preact/hooks';
import type { MessageState, MessagePage as MessagesAnswer } from '../../routes/messages.ts';
import { counted } from '../format.ts';
import { addressOf, go, Link } from '../location.tsx';
import { AsOf } from '../parts/as-of.tsx';
import { MessageActs } from '../parts/message-acts.tsx';
import { MessageTable } from '../parts/message-table.tsx';
import { OperationButtons } from '../parts/operation-buttons.tsx';
import { Empty, PolledPart } from '../parts/states.tsx';
import { Touches } from '../parts/touches.tsx';
import { usePolled } from '../polling.ts';
import type { PageProps } from './page-props.ts';

const states = ['', 'dead', 'ready', 'claimed', 'done', 'cancelled'] as const;
const texts = [
  ['topic', 'Topic'],
  ['errorText', 'Error contains'],
  ['orderingKey', 'Ordering key'],
  ['correlationId', 'Correlation id'],
  ['dedupKey', 'Dedup key'],
] as const;

export function MessagesPage({ place, names }: PageProps) {
  const { tenant, queue } = names as { tenant: string; queue: string };
  const path = `/tenants/${encodeURIComponent(tenant)}/messages/${queue}`;
  return (
    <>
      <div class="head">
        <h1>
          <Link to={`/tenants/${encodeURIComponent(tenant)}`}>{tenant}</Link> / {queue}
        </h1>
      </div>
      <form
        key={JSON.stringify(place.query)}
        class="fields"
        onSubmit={(event) => {
          event.preventDefault();
          const given = new FormData(event.currentTarget);
          go(
            addressOf(
              path,
              Object.fromEntries([...given].map(([name, value]) => [name, String(value).trim()])),
            ),
          );
        }}
      >
        <label>
          State
          <select name="state">
            {states.map((state) => (
              <option key={state} value={state} selected={state === (place.query.state ?? '')}>
                {state === '' ? 'any' : state}
              </option>
            ))}
          </select>
        </label>
        {texts.map(([name, title]) => (
          <label key={name}>
            {title}
            <input
              type="text"
              name={name}
              maxLength={400}
              defaultValue={place.query[name] ?? ''}
              autocomplete="off"
            />
          </label>
        ))}
        <button type="submit" class="primary">
          Search
        </button>
      </form>
      <Touches what={`the database of ${tenant}`}>
        <Found tenant={tenant} queue={queue} path={path} query={place.query} />
      </Touches>
    </>
  );
}

interface FoundProps {
  tenant: string;
  queue: string;
  path: string;
  query: Readonly<Record<string, string>>;
}

function Found({ tenant, queue, path, query }: FoundProps) {
  const page = usePolled<MessagesAnswer>(`/api${path}`, query, { every: null });
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const messages = page.data?.messages ?? [];
  const targets = messages.filter(({ messageId }) => chosen.has(messageId));
  const done = () => {
    setChosen(new Set());
    page.refresh();
  };
  return (
    <>
      <div class="bar">
        <MessageActs tenant={tenant} queue={queue} targets={targets} onDone={done} />
        <span class="faint">
          {targets.length === 0
            ? 'Choose messages to act on them'
            : `${counted(targets.length, 'message')} chosen`}
        </span>
        <AsOf asOf={page.asOf} once />
        <button type="button" class="quiet" onClick={page.refresh}>
          Read again
        </button>
      </div>
      <PolledPart polled={page} of={`the messages of ${tenant}`}>
        {(data, asOf) => (
          <>
            {data.messages.length > 0 && (
              <OperationButtons
                filter={searchedFor(query)}
                queue={queue}
                tenants={[tenant]}
                q=""
                state={(query.state as MessageState | undefined) ?? null}
              />
            )}
            {data.messages.length === 0 ? (
              <Empty>No message matches.</Empty>
            ) : (
              <MessageTable
                messages={data.messages}
                path={path}
                asOf={asOf}
                chosen={chosen}
                onChoose={setChosen}
              />
            )}
            <p class="pager">
              {counted(data.messages.length, 'message')} on this page
              {data.cut !== null && (
                <span> · the search ended at its bound ({data.cut}); the next page goes on</span>
              )}
              {data.cursor !== null && (
                <Link to={path} query={{ ...query, cursor: data.cursor }} class="button">
                  Next 100
                </Link>
              )}
            </p>
          </>
        )}
      </PolledPart>
    </>
  );
}

/** The search without its page and its state, for an act on all that match. */
function searchedFor({ state: _state, cursor: _cursor, ...filter }: FoundProps['query']) {
  return filter;
}
