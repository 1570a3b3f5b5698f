import type { OperationAnswer } from '../../operation-answer.ts';
import { act } from '../api.ts';
import { count, counted, duration } from '../format.ts';
import { Link } from '../location.tsx';
import { operationPaths } from '../operation-rules.ts';
import { ActButton } from '../parts/act-button.tsx';
import { Age } from '../parts/ages.tsx';
import { AsOf } from '../parts/as-of.tsx';
import { Facts } from '../parts/facts.tsx';
import {
  actText,
  countedNumber,
  countedText,
  isAtLeast,
  nounOf,
  overrideLines,
  whichText,
} from '../parts/operation-texts.ts';
import { PolledPart } from '../parts/states.tsx';
import { usePolled } from '../polling.ts';
import type { PageProps } from './page-props.ts';

export function OperationPage({ names }: PageProps) {
  const id = names.operation!;
  const operation = usePolled<OperationAnswer>(
    `/api/operations/${encodeURIComponent(id)}`,
    {},
    { every: 1_000 },
  );
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
        {(data, asOf) => (
          <>
            <Operation operation={data} asOf={asOf} onDone={operation.refresh} />
            <Failures operation={data} />
          </>
        )}
      </PolledPart>
    </>
  );
}

interface OperationProps {
  operation: OperationAnswer;
  asOf: Date;
  onDone: () => void;
}

/** While a host works on an operation, it writes its progress every few seconds; a database may keep it waiting for a minute. */
const silentMs = 90_000;

function Operation({ operation, asOf, onDone }: OperationProps) {
  const { state } = operation;
  const silent = asOf.getTime() - Date.parse(operation.updatedUtc);
  const isAlone = state === 'running' && silent > silentMs;
  return (
    <>
      <p class="sentence">
        <strong>{actText(operation, countedText(operation))}</strong>{' '}
        {operation.on === 'messages'
          ? `that matched when they were counted (${whichText(operation)}).`
          : `of ${count(operation.tenants)} that were chosen.`}{' '}
        <span class="badge">{state}</span>
      </p>
      <OverrideLines operation={operation} />
      {operation.on === 'messages' && operation.uncounted > 0 && (
        <p class="stale">
          {counted(operation.uncounted, 'tenant')} did not answer when the messages were counted.
        </p>
      )}
      {isAlone && (
        <p class="stale" role="status">
          No host has worked on it for {duration(silent)}: the one that did has most likely stopped. Go on
          with it here, or stop it.
        </p>
      )}
      <Progress operation={operation} />
      <Acts operation={operation} isAlone={isAlone} onDone={onDone} />
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
    </>
  );
}

function OverrideLines({ operation }: { operation: OperationAnswer }) {
  const lines = overrideLines(operation);
  if (lines.length === 0) return null;
  return (
    <ul>
      {lines.map((line) => (
        <li key={line}>{line}</li>
      ))}
    </ul>
  );
}

function Progress({ operation }: { operation: OperationAnswer }) {
  const { on, counted: number, changed, tenants, tenantsDone, failures } = operation;
  // Of messages nobody knows which tenants have most of them.
  const [done, of] = on === 'messages' ? [changed, number] : [tenantsDone + failures, operation.tenants];
  return (
    <>
      <progress
        max={Math.max(1, of, done)}
        value={done}
        aria-label={on === 'messages' ? 'Messages changed' : 'Tenants tried'}
      />
      <p>
        {count(changed)} changed of {countedNumber(operation)} counted; {counted(tenantsDone, 'tenant')} done
        {tenants !== null && ` of ${count(tenants)}`}
      </p>
    </>
  );
}

function Acts({
  operation,
  isAlone,
  onDone,
}: Pick<OperationProps, 'operation' | 'onDone'> & { isAlone: boolean }) {
  const { state, failures, right } = operation;
  const path = `${operationPaths[right]}/${operation.id}`;
  const run = (name: 'run' | 'stop') => async () => {
    const now = await act<OperationAnswer>(`${path}/${name}`);
    return `It is ${now.state}: ${counted(now.changed, nounOf(now))} changed.`;
  };
  const typed = actText(operation, `${operation.counted}${isAtLeast(operation) ? ' or more' : ''}`);
  const begin = { right, run: run('run'), onDone, ...(right === 'destroy' && { typed }) } as const;
  const which = <Which operation={operation} />;
  return (
    <p class="acts">
      <ActButton label={typed} when={state === 'counted'} {...begin}>
        {which}
      </ActButton>
      <ActButton label="Go on" when={isAlone} {...begin}>
        {which}
      </ActButton>
      <ActButton label="Try the failed ones again" when={state === 'done' && failures > 0} {...begin}>
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
  );
}

function Which({ operation }: { operation: OperationAnswer }) {
  if (operation.on === 'tenants')
    return (
      <p>
        {countedText(operation)}: {whichText(operation)}. Tenants that are so already are left alone.
      </p>
    );
  const { uncounted, firstUncounted } = operation;
  return (
    <>
      <p>
        {countedText(operation)}: {whichText(operation)}. Messages that died after the count are left alone.
      </p>
      {uncounted > 0 && (
        <p class="stale">
          {counted(uncounted, 'tenant')} did not answer when the messages were counted (
          {firstUncounted.join(', ')}
          {uncounted > firstUncounted.length && ' and others'}). What matches there is changed too: it comes
          on top of {count(operation.counted)}. To leave it alone, stop this operation and count again.
        </p>
      )}
    </>
  );
}

function Failures({ operation }: { operation: OperationAnswer }) {
  const { failures, firstFailures } = operation;
  return (
    <>
      {firstFailures.map(({ tenantId, code, message }) => (
        <p class="stale" key={tenantId}>
          <Link to={`/tenants/${encodeURIComponent(tenantId)}`}>{tenantId}</Link>: {message || code}
        </p>
      ))}
      {failures > firstFailures.length && (
        <p class="stale">
          {counted(failures - firstFailures.length, 'other tenant')} failed; the command shows them all:{' '}
          <code>multi-outbox operations show {operation.id}</code>
        </p>
      )}
    </>
  );
}
