/** `--fail-on`: the exit code says whether the registry's last reports show a trouble, for monitors and scripts. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { duration } from '../duration-text.ts';
import type { FleetSummary } from '../engine/fleet-summary.ts';
import type { TenantRecord } from '../engine/registry.ts';
import {
  defaultStaleAfterMs,
  parseTroubles,
  type Sign,
  signsOf,
  type Trouble,
  troubles,
} from '../health/troubles.ts';
import { durationArgument } from './arguments.ts';
import { TroubledError } from './errors.ts';
import { counted } from './output/text.ts';

export interface FailOnOptions {
  readonly failOn?: readonly Trouble[];
  readonly staleAfter: number;
}

export function addFailOn(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--fail-on <troubles>',
        `end with exit code 3 if the last reports show one of these, separated by commas: dead (messages are Dead now), failing (a last run failed, or a topic fails now), stale (the last plan, or the oldest due time, is older than --stale-after)`,
      ).argParser(troublesArgument),
    )
    .addOption(
      new Option('--stale-after <duration>', 'the age that --fail-on stale allows')
        .argParser(durationArgument)
        .default(defaultStaleAfterMs, '5m'),
    );
}

function troublesArgument(text: string): readonly Trouble[] {
  const names = parseTroubles(text);
  if (names === null)
    throw new InvalidArgumentError(`Give one or more of ${troubles.join(', ')}, separated by commas.`);
  return names;
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
  const signs = signsOf(fleet, staleAfter, named);
  const shown = wanted.flatMap((trouble) =>
    signs.filter((sign) => sign.trouble === trouble).map((sign) => `${trouble}: ${signText(sign)}`),
  );
  if (shown.length > 0) {
    const hint = wanted.includes('stale') ? ` (stale after ${duration(staleAfter)})` : '';
    throw new TroubledError(
      `By the last reports: ${shown.join('; ')}${hint}. 'multi-outbox status' names the tenants.`,
    );
  }
}

function signText(sign: Sign): string {
  switch (sign.of) {
    case 'messages':
      // A run counts only so many.
      return `${sign.isAtLeast ? 'at least ' : ''}${counted(sign.count, 'dead message')} in ${counted(sign.tenants, 'tenant')}`;
    case 'runs':
      return `the last run of ${counted(sign.tenants, 'tenant')} failed`;
    case 'topics':
      return `${counted(sign.tenants, 'tenant')} with topics that fail`;
    case 'plan':
      return `the last plan was ${duration(sign.ageMs)} ago`;
    case 'due':
      return `a tenant has been due for ${duration(sign.ageMs)}`;
    case 'no-plan':
      return 'no plan has been made yet';
  }
}
