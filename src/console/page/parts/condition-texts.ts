/** The conditions of a search for messages, in words. */
import type { MessageSelection } from '../../../fleet/messages/selection.ts';
import { exactDuration } from '../format.ts';

const verbs: { readonly [Name in keyof MessageSelection]-?: string } = {
  states: 'state is',
  messageIds: 'id is',
  topic: 'topic is',
  orderingKey: 'ordering key is',
  dedupKey: 'dedup key is',
  correlationId: 'correlation id is',
  source: 'source is',
  errorText: 'error contains',
  payloadText: 'payload contains',
  enqueuedFrom: 'enqueue time is at or after',
  enqueuedBefore: 'enqueue time is before',
  olderThanMs: 'time since its end is at least',
};

/** Each follows 'whose', as in 'topic is “invoices”'. A host of a later version may have further conditions. */
export function conditionTexts(filter: object): string[] {
  return Object.entries(filter).map(([name, value]) => {
    const verb = Object.hasOwn(verbs, name) ? verbs[name as keyof MessageSelection] : `${name} is`;
    if (name === 'olderThanMs' && typeof value === 'number') return `${verb} ${exactDuration(value)}`;
    return `${verb} ${valueText(value)}`;
  });
}

function valueText(value: unknown): string {
  if (Array.isArray(value)) return value.join(' or ');
  return typeof value === 'string' ? `“${value}”` : String(value);
}
