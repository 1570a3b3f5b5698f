import type { Operation } from '../../../fleet/messages/operations.ts';
import { act } from '../api.ts';
import { count, counted, duration } from '../format.ts';
import { Link } from '../location.tsx';
import { ActButton } from '../parts/act-button.tsx';
import { Age } from '../parts/ages.tsx';
import { AsOf } from '../parts/as-of.tsx';
import { conditionTexts } from '../parts/condition-texts.ts';
import { Facts } from '../parts/facts.tsx';
import { NextPage } from '../parts/next-page.tsx';
import { Count } from '../parts/numbers.tsx';
import { Scroll } from '../parts/scroll.tsx';
import { Empty, PolledPart } from '../parts/states.tsx';
import { usePolled } from '../polling.ts';
import type { PageProps } from './page-props.ts';

export function OperationsPage({ place }: PageProps) {
  const operations = usePolled<Operation[]>('/api/operations', place.query);
  return (
    <>
      <div class="head">
        <h1>Operations</h1>
        <AsOf asOf={operations.asOf} />
      </div>
      <PolledPart polled={operations} of="the operations">
        {(list, asOf) =>
          list.length === 0 ? (
            <Empty>
              An operation acts on all messages that match. Begin one from{' '}
              <Link to="/errors">a group of errors</Link>.
            </Empty>
          ) : (
            <>
              <OperationTable operations={list} asOf={asOf} />
              <NextPage place={place} rows={list} />
            </>
          )
        }
      </PolledPart>
    </>
  );
}

function OperationTable({ operations, asOf }: { operations: readonly Operation[]; asOf: Date }) {
  return (
    <Scroll label="operations">
      <table>
        <caption class="unseen">Operations</caption>
        <thead>
          <tr>
            {['Operation', 'State', 'Act', 'Which', 'By'].map((title) => (
              <th scope="col" key={title}>
                {title}
              </th>
            ))}
            {['Counted', 'Changed', 'Failed tenants', 'Created', 'Updated'].map((title) => (
              <th scope="col" class="number" key={title}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {operations.map((operation) => (
            <tr key={operation.id}>
              <th scope="row">
                <Link to={`/operations/${operation.id}`} class="row">
                  <code>{operation.id.slice(0, 8)}</code>
                </Link>
              </th>
              <td>{operation.state}</td>
              <td>{operation.act.act}</td>
              <td class="long">{wordsOf(operation)}</td>
              <td class="long">{operation.actor}</td>
              <td class="number">
                <Count value={operation.counted} atLeast={isAtLeast(operation)} />
              </td>
              <td class="number">
                <Count value={operation.changed} />
              </td>
              <td class="number">
                <Count value={operation.failures.length} tone="bad" />
              </td>
              <td class="number">
                <Age utc={operation.createdUtc} asOf={asOf} past="ago" />
              </td>
              <td class="number">
                <Age utc={operation.updatedUtc} asOf={asOf} past="ago" />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function wordsOf({ filter, queue, tenants }: Operation): string {
  const where = tenants === null ? 'all tenants' : counted(tenants.length, 'tenant');
  return `${queue} of ${where}: ${conditionTexts(filter).join('; ')}`;
}

export function OperationPage({ names }: PageProps) {
  const id = names.operation!;
  const operation = usePolled<Operation>(`/api/operations/${encodeURIComponent(id)}`, {}, { every: 1_000 });
  return (
    <>
      <div class="head">
        <h1>
          <Link to="/operations" class="faint">
            Operations
          </Link>{' '}
          / <code>{id.slice(0, 8)}</code>
        </h1>
        <AsOf asOf={operation.asOf} />
      </div>
      <PolledPart polled={operation} of="the operation">
        {(data, asOf) => <Progress operation={data} asOf={asOf} onDone={operation.refresh} />}
      </PolledPart>
    </>
  );
}

/** Of the tenants that failed. */
const mostShown = 100;

interface ProgressProps {
  operation: Operation;
  asOf: Date;
  onDone: () => void;
}

/** While a host works on an operation, it writes its progress every few seconds; a database may keep it waiting for a minute. */
const silentMs = 90_000;

function Progress({ operation, asOf, onDone }: ProgressProps) {
  const { act: what, state, changed, failures, tenants, tenantsDone, uncounted } = operation;
  const isDestructive = what.act === 'discard' || what.act === 'cancel';
  const path = `/api/operations${isDestructive ? '-destructive' : ''}/${operation.id}`;
  const right = isDestructive ? 'destroy' : 'act';
  const silent = asOf.getTime() - Date.parse(operation.updatedUtc);
  const isAlone = state === 'running' && silent > silentMs;
  const canGoOn = isAlone || (state === 'done' && failures.length > 0);
  const number = `${operation.counted}${isAtLeast(operation) ? ' or more' : ''}`;
  const run = (name: 'run' | 'stop') => async () => {
    const now = await act<Operation>(`${path}/${name}`);
    return `It is ${now.state}: ${counted(now.changed, 'message')} changed.`;
  };
  const typed = `${what.act} ${number}`;
  const begin = { right, run: run('run'), onDone, ...(isDestructive && { typed }) } as const;
  const which = (
    <>
      <p>
        {countedText(operation)}: {wordsOf(operation)}. Messages that died after the count are left alone.
      </p>
      {uncounted.length > 0 && (
        <p class="stale">
          {counted(uncounted.length, 'tenant')} did not answer when the messages were counted (
          {uncounted.slice(0, 20).join(', ')}
          {uncounted.length > 20 && ' and others'}). What matches there is changed too: it comes on top of{' '}
          {count(operation.counted)}. To leave it alone, stop this operation and count again.
        </p>
      )}
    </>
  );
  return (
    <>
      <p class="sentence">
        <strong>
          {what.act} {countedText(operation)}
        </strong>{' '}
        that matched when they were counted ({wordsOf(operation)}). <span class="badge">{state}</span>
      </p>
      {uncounted.length > 0 && (
        <p class="stale">
          {counted(uncounted.length, 'tenant')} did not answer when the messages were counted.
        </p>
      )}
      {isAlone && (
        <p class="stale" role="status">
          No host has worked on it for {duration(silent)}: the one that did has most likely stopped. Go on
          with it here, or stop it.
        </p>
      )}
      <progress max={Math.max(1, operation.counted, changed)} value={changed} aria-label="Messages changed" />
      <p>
        {count(changed)} changed of {countedText(operation, true)} counted; {counted(tenantsDone, 'tenant')}{' '}
        done
        {tenants !== null && ` of ${count(tenants.length)}`}
      </p>
      <p class="acts">
        <ActButton label={typed} when={state === 'counted'} {...begin}>
          {which}
        </ActButton>
        <ActButton label="Go on" when={canGoOn} {...begin}>
          {which}
        </ActButton>
        <ActButton
          label="Stop"
          right={right}
          when={state === 'counted' || state === 'running'}
          run={run('stop')}
          onDone={onDone}
        >
          <p>The operation ends after its batch, and cannot go on. What it has changed stays.</p>
        </ActButton>
      </p>
      <Facts
        facts={[
          ['Created by', operation.actor],
          ['Created', <Age key="created" utc={operation.createdUtc} asOf={asOf} past="ago" />],
          ['Updated', <Age key="updated" utc={operation.updatedUtc} asOf={asOf} past="ago" />],
          [
            'Record',
            <Link key="audit" to="/audit" query={{ operation: operation.id }}>
              its acts in the audit
            </Link>,
          ],
        ]}
      />
      {failures.slice(0, mostShown).map(({ tenantId, message }) => (
        <p class="stale" key={tenantId}>
          {tenantId}: {message}
        </p>
      ))}
      {failures.length > mostShown && (
        <p class="stale">
          {counted(failures.length - mostShown, 'other tenant')} failed; the command shows them all:{' '}
          <code>multi-outbox operations show {operation.id}</code>
        </p>
      )}
    </>
  );
}

function isAtLeast({ countedAtLeast, uncounted }: Operation): boolean {
  return countedAtLeast || uncounted.length > 0;
}

/** `7 messages`, `at least 7 messages`. */
function countedText(operation: Operation, bare = false): string {
  const words = bare ? count(operation.counted) : counted(operation.counted, 'message');
  return `${isAtLeast(operation) ? 'at least ' : ''}${words}`;
}
