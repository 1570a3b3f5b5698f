import { useState } from 'preact/hooks';
import type { EditResult } from '../../../fleet/messages/acts.ts';
import type { MaskedMessage, MessageContent } from '../../routes/messages.ts';
import { act } from '../api.ts';
import { addressOf, go } from '../location.tsx';
import { useRight } from '../rights.ts';
import { ActButton } from './act-button.tsx';

interface MessageEditorProps {
  path: string;
  list: string;
  message: MaskedMessage;
  content: MessageContent;
}

/** Replaces a message by one with another payload; the difference is shown before. */
export function MessageEditor({ path, list, message, content }: MessageEditorProps) {
  const [payload, setPayload] = useState(content.payload);
  const [replacedBy, setReplacedBy] = useState<string | null>(null);
  if (!useRight('destroy')) return null;
  const run = async () => {
    const result = await act<EditResult>(`${path}/edit`, { version: message.version, payload });
    setReplacedBy(result.messageId);
    const checked = result.schemaChecked ? 'The handler’s schema accepts it.' : 'No schema has checked it.';
    return `It is replaced by ${result.messageId}, which is due now. ${checked}`;
  };
  return (
    <section aria-labelledby="edit">
      <h2 id="edit">Edit and run again</h2>
      <label>
        <span class="unseen">New payload</span>
        <textarea
          rows={8}
          value={payload}
          spellcheck={false}
          onInput={(event) => setPayload(event.currentTarget.value)}
        />
      </label>
      <p>
        <ActButton
          label="Replace the message"
          right="destroy"
          disabled={payload === content.payload}
          run={run}
          onDone={() => replacedBy !== null && go(addressOf(`${list}/${encodeURIComponent(replacedBy)}`))}
        >
          <p>A new message takes the place of this one, which ends as cancelled and is never run again.</p>
          <Difference before={content.payload} after={payload} />
        </ActButton>
      </p>
    </section>
  );
}

/** The lines that differ, between those that are the same at the beginning and at the end. */
function Difference({ before, after }: { before: string; after: string }) {
  const [old, fresh] = [before.split('\n'), after.split('\n')];
  let same = 0;
  while (same < old.length && same < fresh.length && old[same] === fresh[same]) same++;
  let sameAtEnd = 0;
  while (
    sameAtEnd < Math.min(old.length, fresh.length) - same &&
    old[old.length - 1 - sameAtEnd] === fresh[fresh.length - 1 - sameAtEnd]
  )
    sameAtEnd++;
  const changed = (lines: readonly string[]) => lines.slice(same, lines.length - sameAtEnd).join('\n');
  return (
    <div class="difference">
      <p>Before</p>
      <pre class="removed">{changed(old)}</pre>
      <p>After</p>
      <pre class="added">{changed(fresh)}</pre>
    </div>
  );
}
