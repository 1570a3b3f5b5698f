import type { Pulse } from '../../routes/pulse.ts';
import { ageOf, count, counted, duration } from '../format.ts';
import { Link } from '../location.tsx';

interface Finding {
  readonly tone: 'bad' | 'warn';
  readonly text: string;
  /** What to do, and where. */
  readonly advice: string;
  readonly to: string;
  readonly query?: Readonly<Record<string, string>>;
}

export const messageLateMs = 300_000;

/** What is wrong in the fleet in plain words, each with the page where it is remedied. */
export function Attention({ pulse, asOf }: { pulse: Pulse; asOf: Date }) {
  const findings = findingsOf(pulse, asOf);
  if (findings.length === 0)
    return (
      <p class="verdict good">
        <strong>All is well.</strong> No tenant fails, no message is dead, and plans are made.
      </p>
    );
  return (
    <ul class="findings" aria-label="What needs attention">
      {findings.map(({ tone, text, advice, to, query }) => (
        <li key={text} class={tone}>
          <strong>{text}</strong>{' '}
          <Link to={to} {...(query && { query })}>
            {advice}
          </Link>
        </li>
      ))}
    </ul>
  );
}

function findingsOf(pulse: Pulse, asOf: Date): Finding[] {
  const { lastPlan, planLateMs, stored, tenants, failing, withFailingTopics, longestFailureStreak } = pulse;
  const waitsMs = ageOf(stored.oldestDueUtc, asOf);
  const amount = (name: 'dead' | 'parked', one: string, many: string) => {
    const isAtLeast = stored.atLeast.includes(name);
    return `${count(stored[name], isAtLeast)} ${stored[name] === 1 && !isAtLeast ? one : many}`;
  };
  const findings: (Finding | false)[] = [
    tenants.active > 0 &&
      (lastPlan === null || asOf.getTime() - Date.parse(lastPlan.utc) > planLateMs) && {
        tone: 'bad',
        text:
          lastPlan === null
            ? 'No plan was ever made.'
            : `No plan for ${duration(asOf.getTime() - Date.parse(lastPlan.utc))}.`,
        advice: 'Start a host (multi-outbox run), or see why its timer does not fire',
        to: '/plans',
      },
    failing > 0 && {
      tone: 'bad',
      text: `The runs of ${counted(failing, 'tenant')} fail, the longest for ${counted(longestFailureStreak, 'run')}.`,
      advice: 'See their errors',
      to: '/tenants',
      query: { q: 'is:failing status:active', sort: 'failing', desc: 'true' },
    },
    withFailingTopics > 0 && {
      tone: 'bad',
      text: `Handlers fail for topics of ${counted(withFailingTopics, 'tenant')}.`,
      advice: 'See which topics',
      to: '/topics',
    },
    stored.dead > 0 && {
      tone: 'bad',
      text: `${amount('dead', 'dead message', 'dead messages')} in ${counted(pulse.withDead, 'tenant')}.`,
      advice: 'See their errors',
      to: '/errors',
    },
    waitsMs !== null &&
      waitsMs > messageLateMs && {
        tone: 'warn',
        text: `The oldest due message has waited for ${duration(waitsMs)}.`,
        advice: 'See where',
        to: '/tenants',
        query: { sort: 'oldest', desc: 'true' },
      },
    stored.parked > 0 && {
      tone: 'warn',
      text: `${amount('parked', 'message has a topic', 'messages have topics')} without a handler.`,
      advice: 'Deploy a handler for them; see which topics',
      to: '/topics',
    },
    tenants.paused > 0 && {
      tone: 'warn',
      text: `${counted(tenants.paused, 'tenant')} paused.`,
      advice: 'See which',
      to: '/tenants',
      query: { q: 'status:paused' },
    },
  ];
  return findings.filter((finding) => finding !== false);
}
