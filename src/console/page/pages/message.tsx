import { useState } from 'preact/hooks';
import type { MaskedMessage, MessageContent } from '../../routes/messages.ts';
import { act } from '../api.ts';
import { count, counted } from '../format.ts';
import { Link } from '../location.tsx';
import { Age } from '../parts/ages.tsx';
import { AsOf } from '../parts/as-of.tsx';
import { Facts } from '../parts/facts.tsx';
import { MessageActs } from '../parts/message-acts.tsx';
import { MessageEditor } from '../parts/message-editor.tsx';
import { State } from '../parts/message-table.tsx';
import { PolledPart } from '../parts/states.tsx';
import { Touches } from '../parts/touches.tsx';
import { usePolled } from '../polling.ts';
import { useRight } from '../rights.ts';
import type { PageProps } from './page-props.ts';

export function MessagePage({ names }: PageProps) {
  const { tenant, queue, message } = names as { tenant: string; queue: string; message: string };
  const list = `/tenants/${encodeURIComponent(tenant)}/messages/${queue}`;
  return (
    <>
      <div class="head">
        <h1>
          <Link to={`/tenants/${encodeURIComponent(tenant)}`}>{tenant}</Link> / <Link to={list}>{queue}</Link>{' '}
          / <code>{message}</code>
        </h1>
      </div>
      <Touches what={`the database of ${tenant}`}>
        <Shown
          path={`/api${list}/${encodeURIComponent(message)}`}
          tenant={tenant}
          queue={queue}
          list={list}
        />
      </Touches>
    </>
  );
}

interface ShownProps {
  path: string;
  tenant: string;
  queue: string;
  list: string;
}

function Shown({ path, tenant, queue, list }: ShownProps) {
  const message = usePolled<MaskedMessage>(path, {}, { every: null });
  const [content, setContent] = useState<MessageContent | null>(null);
  const again = () => {
    setContent(null);
    message.refresh();
  };
  return (
    <PolledPart polled={message} of="the message">
      {(data, asOf) => (
        <>
          <div class="bar">
            <State message={data} />
            <MessageActs tenant={tenant} queue={queue} targets={[data]} onDone={again} />
            <AsOf asOf={asOf} once />
            <button type="button" class="quiet" onClick={again}>
              Read again
            </button>
          </div>
          <div class="columns">
            <div>
              <Errors errors={content ?? data} isMasked={content === null} />
              <Content path={path} bytes={data.contentBytes} content={content} onShow={setContent} />
              {content !== null && (data.state === 'dead' || data.state === 'ready') && (
                <MessageEditor path={path} list={list} message={data} content={content} />
              )}
            </div>
            <Details data={data} asOf={asOf} list={list} />
          </div>
        </>
      )}
    </PolledPart>
  );
}

interface ErrorsProps {
  errors: Pick<MessageContent, 'lastError' | 'firstError'>;
  isMasked: boolean;
}

function Errors({ errors: { lastError, firstError }, isMasked }: ErrorsProps) {
  if (lastError === null) return null;
  return (
    <>
      <section class="error" aria-labelledby="last-error">
        <h2 id="last-error">Last error</h2>
        <pre>{lastError}</pre>
        {isMasked && (
          <p class="faint">
            Numbers, ids and quoted texts are masked like the payload; they are shown together with it.
          </p>
        )}
      </section>
      {firstError !== null && firstError !== lastError && (
        <section aria-labelledby="first-error">
          <h2 id="first-error">First error</h2>
          <pre>{firstError}</pre>
        </section>
      )}
    </>
  );
}

function Details({ data, asOf, list }: { data: MaskedMessage; asOf: Date; list: string }) {
  const filtered = (name: string, value: string | null) =>
    value === null ? (
      '–'
    ) : (
      <Link to={list} query={{ [name]: value }}>
        {value}
      </Link>
    );
  return (
    <section aria-labelledby="details">
      <h2 id="details">Message</h2>
      <Facts
        facts={[
          ['Topic', filtered('topic', data.topic)],
          ['Sequence', data.sequence],
          ['Attempts', count(data.attempts)],
          ['Replays', count(data.replayCount)],
          ['Parked', count(data.parks)],
          ['Stored', <Age key="stored" utc={data.enqueuedUtc} asOf={asOf} past="ago" />],
          ['Due', <Age key="due" utc={data.dueUtc} asOf={asOf} past="ago" />],
          ['Ended', <Age key="ended" utc={data.settledUtc} asOf={asOf} past="ago" />],
          ['End reason', data.endReason ?? '–'],
          ['Ordering key', filtered('orderingKey', data.orderingKey)],
          ['Correlation id', filtered('correlationId', data.correlationId)],
          ['Dedup key', filtered('dedupKey', data.dedupKey)],
          ['Source', data.source ?? '–'],
          ['Recovered from a crash', data.recovered ? 'yes' : 'no'],
          ...(data.unreadable === null ? [] : [['Unreadable', data.unreadable] as const]),
        ]}
      />
    </section>
  );
}

interface ContentProps {
  path: string;
  bytes: number;
  content: MessageContent | null;
  onShow: (content: MessageContent) => void;
}

/** The payload is masked until somebody asks for it, which the record of acts keeps. */
function Content({ path, bytes, content, onShow }: ContentProps) {
  const [error, setError] = useState<string | null>(null);
  const may = useRight('payload');
  const show = async () => {
    try {
      onShow(await act<MessageContent>(`${path}/payload`));
    } catch (caught) {
      setError(caught instanceof Error ? caught.message : String(caught));
    }
  };
  if (content === null)
    return (
      <section aria-labelledby="payload">
        <h2 id="payload">Payload and headers</h2>
        <p class="masked">•••••••• {counted(bytes, 'byte')}</p>
        {may ? (
          <button type="button" onClick={show}>
            Show (the audit records it)
          </button>
        ) : (
          <p class="faint">You may not see payloads.</p>
        )}
        {error !== null && (
          <p class="stale" role="alert">
            {error}
          </p>
        )}
      </section>
    );
  const headers = Object.entries(content.headers);
  return (
    <section aria-labelledby="payload">
      <h2 id="payload">Payload</h2>
      <pre>{indented(content.payload)}</pre>
      <h2>Headers</h2>
      {headers.length === 0 ? <p class="faint">None.</p> : <Facts facts={headers} />}
    </section>
  );
}

/** JSON on several lines, if nothing of it is lost that way: numbers may have more digits than JavaScript keeps. */
function indented(payload: string): string {
  try {
    const value: unknown = JSON.parse(payload);
    return JSON.stringify(value) === payload ? JSON.stringify(value, null, 2) : payload;
  } catch {
    return payload;
  }
}
