import type { ActResult } from '../../../fleet/messages/acts.ts';
import type { ListedMessage } from '../../../fleet/messages/search.ts';
import { act } from '../api.ts';
import { counted } from '../format.ts';
import { ActButton } from './act-button.tsx';

interface MessageActsProps {
  tenant: string;
  queue: string;
  targets: readonly Pick<ListedMessage, 'messageId' | 'version' | 'state'>[];
  onDone: () => void;
}

/** Acts on chosen messages: each is changed only while it is as it is shown. */
export function MessageActs({ tenant, queue, targets, onDone }: MessageActsProps) {
  const path = `/api/tenants/${encodeURIComponent(tenant)}/messages/${queue}`;
  const dead = targets.filter(({ state }) => state === 'dead');
  const ready = targets.filter(({ state }) => state === 'ready');
  const endable = [...dead, ...ready];
  const run =
    (route: 'act' | 'destroy', how: object, chosen: MessageActsProps['targets'], done: string) =>
    async () => {
      const messages = chosen.map(({ messageId, version }) => ({ messageId, version }));
      const { changed, unchanged } = await act<ActResult>(`${path}/${route}`, { ...how, messages });
      const left =
        unchanged.length === 0
          ? ''
          : ` ${counted(unchanged.length, 'message')} had changed meanwhile, and stayed.`;
      return `${counted(changed.length, 'message')} ${done}.${left}`;
    };
  const number = (chosen: MessageActsProps['targets']) => counted(chosen.length, 'message');
  return (
    <span class="acts">
      <ActButton
        label="Replay"
        right="act"
        disabled={dead.length === 0}
        run={run('act', { act: 'replay' }, dead, 'due now')}
        onDone={onDone}
      >
        <p>
          {number(dead)} of {tenant} that are dead become due now, with their attempts reset. Their history
          stays.
        </p>
      </ActButton>
      <ActButton
        label="Run now"
        right="act"
        disabled={ready.length === 0}
        run={run('act', { act: 'reschedule', delay: '0ms' }, ready, 'due now')}
        onDone={onDone}
      >
        <p>
          {number(ready)} of {tenant} that wait become due now.
        </p>
      </ActButton>
      <ActButton
        label="Cancel"
        right="destroy"
        typed={`cancel ${endable.length}`}
        disabled={endable.length === 0}
        run={run('destroy', { act: 'cancel' }, endable, 'cancelled')}
        onDone={onDone}
      >
        <p>
          {number(endable)} of {tenant} end without being run. They stay stored until the retention period is
          over.
        </p>
      </ActButton>
      <ActButton
        label="Discard"
        right="destroy"
        typed={`discard ${dead.length}`}
        disabled={dead.length === 0}
        run={run('destroy', { act: 'discard' }, dead, 'deleted')}
        onDone={onDone}
      >
        <p>
          {number(dead)} of {tenant} that are dead are deleted, with their payloads.
        </p>
      </ActButton>
    </span>
  );
}
