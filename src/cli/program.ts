import { type Argument, Command, CommanderError } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { auditCommands } from './commands/audit.ts';
import { completionCommand } from './commands/completion.ts';
import { demoCommand } from './commands/demo.ts';
import { doctorCommand } from './commands/doctor.ts';
import { enqueueCommand } from './commands/enqueue.ts';
import { handlersCommands } from './commands/handlers.ts';
import { historyCommand } from './commands/history.ts';
import { initCommand } from './commands/init.ts';
import { leasesCommands } from './commands/leases.ts';
import { deadCommands, messagesCommands } from './commands/messages.ts';
import { migrateCommand } from './commands/migrate.ts';
import { operationsCommands } from './commands/operations.ts';
import { receiveCommand } from './commands/receive.ts';
import { runCommand } from './commands/run.ts';
import { settingsCommand } from './commands/settings.ts';
import { statusCommand } from './commands/status.ts';
import { tenantsCommands } from './commands/tenants.ts';
import { tickCommand } from './commands/tick.ts';
import { uiCommand } from './commands/ui.ts';
import { wakeCommand } from './commands/wake.ts';
import { exitCodes, FailedError, reportError, UsageError } from './errors.ts';
import { helpNote } from './help-note.ts';
import { escapedLine } from './output/text.ts';
import type { Runner } from './runner.ts';
import { type GlobalOptions, Session } from './session.ts';
import { reportStrayErrors } from './stray-errors.ts';
import { commandAt, withAcceptedSuggestion } from './suggestions.ts';

/** Parses the command line, runs the command and ends the process with its exit code. */
export async function main(argv: readonly string[]): Promise<void> {
  prepareProcess(argv);
  let exitCode: number = exitCodes.done;
  const run: Runner = async (command, action) => {
    const session = new Session({
      json: false,
      verbose: false,
      ...command.optsWithGlobals<Partial<GlobalOptions>>(),
    });
    try {
      exitCode = (await action(session)) ?? exitCodes.done;
    } finally {
      await session.close();
    }
  };
  const program = createProgram(run, errorStyle(argv).json);
  // Node ends a process in which nothing is left to do with exit code 0, although the command still waits.
  let isIdle = false;
  process.on('beforeExit', () => {
    isIdle = true;
  });
  const reportUnfinished = () => {
    if (isIdle) process.exitCode = reportError(new FailedError(unfinished), errorStyle(argv));
  };
  process.once('exit', reportUnfinished);
  try {
    await program.parseAsync(argv);
  } catch (error) {
    const shown = asUsageError(error, commandAt(program, argv.slice(2)));
    exitCode = isHelp(error) ? exitCodes.done : reportError(shown, errorStyle(argv));
  }
  // A handler may have left timers or sockets open; they must not keep the process running.
  await new Promise<void>((resolve) => process.stdout.write('', () => resolve()));
  process.off('exit', reportUnfinished);
  process.exit(exitCode);
}

const unfinished =
  'The command ended before its work was done, because it waits for something that never settles; look for a promise in your handlers that is never resolved.';

/** @param quiet does not print help beside an error */
export function createProgram(run: Runner, quiet = false): Command {
  const program = new Command('multi-outbox')
    .description('Dispatches the outbox tables of many tenant databases with one deployment.')
    .version(packageJson.version)
    .option(
      '--registry <url>',
      'URL of the registry, the list of tenants (MULTI_OUTBOX_REGISTRY; default sqlite:.data/registry.db)',
    )
    .option('--handlers <file>', 'module whose handlers replace the built-in ones (MULTI_OUTBOX_HANDLERS)')
    .option('--json', 'print results as JSON, one value per line, and errors as {"error":{code,message}}')
    .option('--verbose', 'show the stacks of errors and log more')
    .configureHelp({ showGlobalOptions: true, subcommandTerm })
    .configureOutput({ outputError: () => {}, ...(quiet && { writeErr: () => {} }) })
    .exitOverride();
  const parts = [
    initCommand,
    tenantsCommands,
    migrateCommand,
    doctorCommand,
    enqueueCommand,
    receiveCommand,
    tickCommand,
    runCommand,
    statusCommand,
    historyCommand,
    uiCommand,
    wakeCommand,
    messagesCommands,
    deadCommands,
    operationsCommands,
    auditCommands,
    leasesCommands,
    handlersCommands,
    settingsCommand,
    completionCommand,
    demoCommand,
  ];
  for (const part of parts) part(program, run);
  program.addHelpText(
    'after',
    helpNote(
      'Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done and found what --fail-on names. Environment variables hold further settings; see docs/configuration.md.',
    ),
  );
  return program;
}

/** At the top, arguments would leave too little of 80 columns for the descriptions. */
function subcommandTerm(command: Command): string {
  const names = command.parent?.parent ? command.registeredArguments.map(shownArgument) : [];
  return [command.name(), ...names].join(' ');
}

function shownArgument(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

function isHelp(error: unknown): boolean {
  return error instanceof CommanderError && error.exitCode === 0;
}

function asUsageError(error: unknown, command: Command): unknown {
  if (!(error instanceof CommanderError)) return error;
  if (error.code === 'commander.help')
    return new UsageError('A command is missing; --help lists the commands.');
  const line = escapedLine(error.message.replace(/^error: /, '')).replace(/\.$/, '');
  const text = withAcceptedSuggestion(line, command);
  return new UsageError(
    `${text.charAt(0).toUpperCase()}${text.slice(1)}; --help lists the commands and options.`,
  );
}

/** Reads the two options from the raw arguments, because an error may occur before or during parsing. */
function errorStyle(argv: readonly string[]): { json: boolean; verbose: boolean } {
  const end = argv.indexOf('--');
  const words = end === -1 ? argv : argv.slice(0, end);
  return { json: words.includes('--json'), verbose: words.includes('--verbose') };
}

function prepareProcess(argv: readonly string[]): void {
  // The SQLite engine uses node:sqlite, and Node warns at every start that this module is experimental.
  const shown = process.listeners('warning');
  process.removeAllListeners('warning');
  process.on('warning', (warning) => {
    if (warning.name === 'ExperimentalWarning' && /sqlite|strip/i.test(warning.message)) return;
    for (const listener of shown) listener(warning);
  });
  // `multi-outbox … | head` closes standard output early; that is not an error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  reportStrayErrors(errorStyle(argv));
}
