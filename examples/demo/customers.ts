/** The demo's five customers and what they send. */
import type { OutboxMessage, TenantInput } from 'multi-outbox';
import { demoHeaders } from './headers.ts';

export interface Customer {
  readonly id: string;
  readonly story: string;
  readonly overrides?: TenantInput['overrides'];
  readonly messages: readonly OutboxMessage[];
  /** The number of messages that become Dead. */
  readonly dead?: number;
  /** Present if the customer's database is overwritten with garbage, or dropped, before the hosts start. */
  readonly ruined?: true;
}

/** Marks the demo's tenants; the demo refuses a registry that holds any other tenant. */
export const demoTag = { 'multi-outbox': 'demo' } as const;

// The slow customer comes first, so it has been due longest, and the host that starts first takes it at once.
export const slowCustomer = 'dune';

export const customers: readonly Customer[] = [
  {
    id: slowCustomer,
    story: 'slow mails: both hosts want it, one gets it',
    overrides: { concurrency: 8 },
    messages: mails(slowCustomer, 24, () => ({ headers: { [demoHeaders.milliseconds]: '900' } })),
  },
  { id: 'acme', story: 'many mails', messages: mails('acme', 150) },
  {
    id: 'birch',
    story: 'mails in order, by account',
    messages: mails('birch', 120, (number) => ({ orderingKey: `account-${number % 12}` })),
  },
  {
    id: 'cedar',
    story: 'delayed mails, one that fails twice, one that cannot be sent',
    messages: [
      ...mails('cedar', 80),
      ...mails('cedar', 20, (number) => ({ delay: 1_000 + 100 * number })),
      ...mails('cedar', 1, () => ({ headers: { [demoHeaders.failures]: '2' } })),
      { topic: 'email.send', payload: { to: 42, subject: 'This is no address' } },
    ],
    dead: 1,
  },
  { id: 'ember', story: 'a ruined database', messages: mails('ember', 30), ruined: true },
];

/** The number of mail files expected at the end. */
export function expectedMails({ messages, dead = 0, ruined }: Customer): number {
  return ruined ? 0 : messages.length - dead;
}

function mails(
  customer: string,
  count: number,
  more: (number: number) => Partial<OutboxMessage> = () => ({}),
): OutboxMessage[] {
  return Array.from({ length: count }, (_, index) => ({
    topic: 'email.send',
    payload: {
      to: `reader${index + 1}@example.com`,
      subject: `Mail ${index + 1} of ${customer}`,
      text: `Good day, this is mail ${index + 1} of ${customer}.`,
    },
    ...more(index + 1),
  }));
}
