import type { ListedMessage } from '../../../fleet/messages/search.ts';
import { Link } from '../location.tsx';
import { Age } from './ages.tsx';
import { Count } from './numbers.tsx';
import { Scroll } from './scroll.tsx';

interface MessageTableProps {
  messages: readonly ListedMessage[];
  path: string;
  asOf: Date;
  chosen: ReadonlySet<string>;
  onChoose: (chosen: ReadonlySet<string>) => void;
}

export function MessageTable({ messages, path, asOf, chosen, onChoose }: MessageTableProps) {
  const choose = (ids: readonly string[], isChosen: boolean) => {
    const next = new Set(chosen);
    for (const id of ids) isChosen ? next.add(id) : next.delete(id);
    onChoose(next);
  };
  const all = messages.map(({ messageId }) => messageId).filter(isAddress);
  return (
    <Scroll label="messages">
      <table class="chosen">
        <caption class="unseen">Messages</caption>
        <thead>
          <tr>
            <th scope="col">
              <input
                type="checkbox"
                aria-label="Choose all of this page"
                disabled={all.length === 0}
                checked={all.length > 0 && all.every((id) => chosen.has(id))}
                onChange={(event) => choose(all, event.currentTarget.checked)}
              />
            </th>
            {['Message', 'State', 'Topic', 'Last error'].map((title) => (
              <th scope="col" key={title}>
                {title}
              </th>
            ))}
            {['Attempts', 'Stored', 'Due', 'Ended', 'Bytes'].map((title) => (
              <th scope="col" class="number" key={title}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {messages.map((message) => (
            <tr key={message.sequence}>
              <td>
                <input
                  type="checkbox"
                  aria-label={`Choose ${message.messageId || `number ${message.sequence}`}`}
                  disabled={!isAddress(message.messageId)}
                  checked={chosen.has(message.messageId)}
                  onChange={(event) => choose([message.messageId], event.currentTarget.checked)}
                />
              </td>
              <th scope="row">
                {isAddress(message.messageId) ? (
                  <Link to={`${path}/${encodeURIComponent(message.messageId)}`} class="row">
                    <code>{shortened(message.messageId)}</code>
                  </Link>
                ) : (
                  <span class="badge bad" title="Act on it with its sequence number, by the command line">
                    {message.messageId === '' ? 'id unreadable' : <code>{shortened(message.messageId)}</code>}
                  </span>
                )}{' '}
                <span class="faint">#{message.sequence}</span>
              </th>
              <td>
                <State message={message} />
              </td>
              <td class="long">{message.topic}</td>
              <td class="long" title={message.lastError ?? undefined}>
                {message.unreadable ?? message.endReason ?? message.lastError ?? ''}
              </td>
              <td class="number">
                <Count value={message.attempts} />
              </td>
              <td class="number">
                <Age utc={message.enqueuedUtc} asOf={asOf} past="ago" />
              </td>
              <td class="number">
                {message.settledUtc === null && <Age utc={message.dueUtc} asOf={asOf} past="late" />}
              </td>
              <td class="number">
                <Age utc={message.settledUtc} asOf={asOf} past="ago" />
              </td>
              <td class="number">
                <Count value={message.contentBytes} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

/** Whether an id can be a part of an address, and so of a request. */
function isAddress(id: string): boolean {
  return id !== '' && id.length <= 200 && !/^\.\.?$|[\p{Cc}\p{Cs}]/u.test(id);
}

function shortened(id: string): string {
  return id.length <= 9 ? id : `…${id.slice(-8)}`;
}

export function State({ message }: { message: Pick<ListedMessage, 'state' | 'blocked'> }) {
  const { state, blocked } = message;
  const tone = state === 'dead' ? 'bad' : blocked ? 'warn' : '';
  return <span class={`badge ${tone}`}>{blocked ? `${state}, blocked` : state}</span>;
}
