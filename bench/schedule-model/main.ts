/** `npm run schedule-model` simulates a fleet on a virtual clock. Exit codes: 0 done; 2 wrong usage. */
import { readFileSync } from 'node:fs';
import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { strategies } from '../../src/fleet/plan/strategies/index.ts';
import { parseDuration } from '../../src/settings.ts';
import { presets } from './presets.ts';
import { reportText } from './report.ts';
import { type Scenario, scenarioOf } from './scenario.ts';
import { simulate } from './simulate.ts';

interface Options {
  readonly strategy?: keyof typeof strategies;
  readonly seed: number;
  readonly scale: number;
  readonly duration?: string;
  readonly places?: number;
  readonly priceExecutions?: number;
  readonly priceGbSecond?: number;
  readonly priceDatabaseHour?: number;
  readonly json?: true;
}

const names = Object.keys(presets);
const program = new Command('schedule-model')
  .description(
    'Runs a fleet on a virtual clock: the real planner, strategies, schedule policy and registry; modelled tenants.',
  )
  .addArgument(
    new Argument(
      '[scenario]',
      `${names.join(', ')}, or a JSON file (bench/schedule-model/scenario.ts)`,
    ).default('flood'),
  )
  .addOption(
    new Option('--strategy <name>', 'which tenants are served first').choices(Object.keys(strategies)),
  )
  .option('--seed <number>', 'the same seed gives the same run', number, 1)
  .option('--scale <factor>', 'times as many tenants in each class', number, 1)
  .option('--duration <duration>', 'how long to simulate, such as 10m or 1d')
  .option('--places <count>', 'how many runs at once', number)
  .option('--price-executions <price>', 'price of a million function executions', number)
  .option('--price-gb-second <price>', 'price of one GB for one second', number)
  .option(
    '--price-database-hour <price>',
    'price of one auto-pausing database that is awake for an hour',
    number,
  )
  .option('--json', 'print one JSON document')
  .configureOutput({ outputError: (text, write) => write(text) })
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .parse();

let scenario: Scenario;
const options = program.opts<Options>();
try {
  scenario = configured(scenarioOf(read(program.processedArgs[0])), options);
} catch (error) {
  program.error(`error: ${error instanceof Error ? error.message : error}`);
}
const findings = await simulate(scenario!, { seed: options.seed });
console.log(options.json ? JSON.stringify(findings, null, 2) : await reportText(findings));

function read(name: string): unknown {
  return presets[name] ?? JSON.parse(readFileSync(name, 'utf8'));
}

function configured(scenario: Scenario, given: Options): Scenario {
  const { settings, prices } = scenario;
  const durationMs = given.duration === undefined ? scenario.duration : parseDuration(given.duration);
  if (durationMs === null)
    throw new Error(`'${given.duration}' is not a duration; give one such as 10m or 1d`);
  return {
    ...scenario,
    duration: durationMs,
    places: given.places ?? scenario.places,
    settings: {
      ...settings,
      plan: { ...settings.plan, ...(given.strategy && { strategy: given.strategy }) },
    },
    prices: {
      ...prices,
      millionExecutions: given.priceExecutions ?? prices.millionExecutions,
      gigabyteSecond: given.priceGbSecond ?? prices.gigabyteSecond,
      databaseHour: given.priceDatabaseHour ?? prices.databaseHour,
    },
    classes: scenario.classes.map((each) => ({
      ...each,
      tenants: Math.max(1, Math.round(each.tenants * given.scale)),
    })),
  };
}

function number(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0)) throw new InvalidArgumentError('It must be a number from 0.');
  return value;
}
