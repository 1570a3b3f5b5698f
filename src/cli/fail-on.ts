/** `--fail-on`: the exit code says whether the registry's last reports show a trouble, for monitors and scripts. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { FleetSummary } from '../engine/fleet-summary.ts';
import type { TenantRecord } from '../engine/registry.ts';
import { durationArgument } from './arguments.ts';
import { TroubledError } from './errors.ts';
import { counted, duration } from './output/text.ts';

const troubles = ['dead', 'failing', 'stale'] as const;
type Trouble = (typeof troubles)[number];

export interface FailOnOptions {
  readonly failOn?: readonly Trouble[];
  readonly staleAfter: number;
}

const staleAfterMs = 300_000;

export function addFailOn(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--fail-on <troubles>',
        `end with exit code 3 if the last reports show one of these, separated by commas: dead (messages are Dead now), failing (a last run failed, or a topic fails now), stale (the last plan, or the oldest due time, is older than --stale-after)`,
      ).argParser(troublesArgument),
    )
    .addOption(
      new Option('--stale-after <duration>', 'for --fail-on stale')
        .argParser(durationArgument)
        .default(staleAfterMs, '5m'),
    );
}

function troublesArgument(text: string): Trouble[] {
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !(troubles as readonly string[]).includes(name));
  if (unknown !== undefined)
    throw new InvalidArgumentError(`Give one or more of ${troubles.join(', ')}, separated by commas.`);
  return names as Trouble[];
}

/**
 * Checks the whole fleet or, if tenants were named, these.
 * @throws TroubledError that names what was found
 */
export function failOn(
  { failOn: wanted = [], staleAfter }: FailOnOptions,
  fleet: FleetSummary,
  named: readonly TenantRecord[] | undefined,
): void {
  const found = named === undefined ? inFleet(fleet) : inTenants(named);
  const ages = [fleet.tenants.active > 0 ? fleet.lastPlan?.ageMs : undefined, found.oldestDueMs];
  const [plan, due] = ages.map((ageMs) => ((ageMs ?? 0) > staleAfter ? duration(ageMs!) : undefined));
  const texts: Record<Trouble, string[]> = {
    dead:
      found.dead > 0
        ? [
            `${atLeast(counted(found.dead, 'dead message'), found.isDeadAtLeast)} in ${counted(found.withDead, 'tenant')}`,
          ]
        : [],
    failing: [
      ...(found.failing > 0 ? [`the last run of ${counted(found.failing, 'tenant')} failed`] : []),
      ...(found.withFailingTopics > 0
        ? [`${counted(found.withFailingTopics, 'tenant')} with topics that fail`]
        : []),
    ],
    stale: [
      ...(plan === undefined ? [] : [`the last plan was ${plan} ago`]),
      ...(due === undefined ? [] : [`a tenant has been due for ${due}`]),
      ...(fleet.lastPlan === null && fleet.tenants.active > 0 ? ['no plan has been made yet'] : []),
    ],
  };
  const shown = wanted.flatMap((trouble) => texts[trouble].map((text) => `${trouble}: ${text}`));
  if (shown.length > 0) {
    const hint = wanted.includes('stale') ? ` (stale after ${duration(staleAfter)})` : '';
    throw new TroubledError(
      `By the last reports: ${shown.join('; ')}${hint}. 'multi-outbox status' names the tenants.`,
    );
  }
}

type Found = { readonly dead: number; readonly isDeadAtLeast: boolean } & Pick<
  FleetSummary,
  'withDead' | 'failing' | 'withFailingTopics' | 'oldestDueMs'
>;

const inFleet = (fleet: FleetSummary): Found => ({
  ...fleet,
  dead: fleet.stored.dead,
  isDeadAtLeast: fleet.stored.atLeast.includes('dead'),
});

/** `at least 10000 dead messages`, because a run counts only so many. */
const atLeast = (text: string, isAtLeast: boolean) => `${isAtLeast ? 'at least ' : ''}${text}`;

function inTenants(tenants: readonly TenantRecord[]): Found {
  const living = tenants.filter(({ status }) => status !== 'retired');
  const active = tenants.filter(({ status }) => status === 'active');
  const dead = living.map(deadNow).filter((count) => count > 0);
  // By the clock of this machine, because a tenant's record has no age.
  const due = active.flatMap(({ schedule }) => schedule.nextDueUtc ?? []);
  return {
    dead: dead.reduce((sum, count) => sum + count, 0),
    isDeadAtLeast: living.some(({ schedule }) =>
      Object.values(schedule.queues).some((state) => state.atLeast.includes('dead')),
    ),
    withDead: dead.length,
    failing: active.filter(({ schedule }) => schedule.failureStreak > 0).length,
    withFailingTopics: active.filter(({ schedule }) => schedule.failingTopics.length > 0).length,
    oldestDueMs: due.length === 0 ? null : Date.now() - Math.min(...due.map(Number)),
  };
}

/** Dead messages of all queues of a tenant, by the last runs that served them. */
export function deadNow({ schedule: { queues } }: Pick<TenantRecord, 'schedule'>): number {
  return Object.values(queues).reduce((sum, { dead }) => sum + dead, 0);
}
