import type { Command } from 'commander';
import { duration } from '../../duration-text.ts';
import type { TickReport } from '../../local/tick.ts';
import { beginDispatching } from '../dispatching.ts';
import { exitCodes } from '../errors.ts';
import { throwFailures } from '../failures.ts';
import { helpNote } from '../help-note.ts';
import { startProgress } from '../output/progress.ts';
import { RunSums, runTable } from '../output/run.ts';
import type { Runner } from '../runner.ts';
import type { Session } from '../session.ts';

export function tickCommand(program: Command, run: Runner): void {
  program
    .command('tick')
    .description('make one plan and carry out its dispatch runs')
    .addHelpText(
      'after',
      helpNote("The exit code is 1 if a tenant's run failed; the other tenants' runs are still carried out."),
    )
    .action((_options: object, command: Command) =>
      run(command, async (session) => {
        const multiOutbox = await session.open({ handlers: true });
        const progress = await startProgress('Dispatching', 'runs', session.options);
        const dispatching = beginDispatching(session.logger, {
          ...session.options,
          ...session.settings.telemetry,
        });
        let begun = 0;
        let ended = 0;
        const report = await multiOutbox
          .tick({
            signal: dispatching.signal,
            onRun(event) {
              dispatching.track(event);
              if (event.report === undefined) begun += 1;
              else ended += 1;
              progress.update(ended, begun);
            },
          })
          .finally(() => {
            dispatching.end();
            progress.stop();
          });
        await session.show(report, () => tickText(report, session));
        throwFailures(
          report.runs
            .filter(({ outcome }) => outcome === 'failed')
            .map(({ tenantId, error }) => ({ tenantId, ...(error ?? noError) })),
        );
        return exitCodes.done;
      }),
    );
}

const noError = { code: 'DATABASE_ERROR', message: 'its report names no reason; look into the log' };

async function tickText({ plan, runs }: TickReport, session: Session): Promise<string> {
  if (plan.status === 'leased-elsewhere')
    return 'Another host holds the plan lease and is planning now, so this tick did nothing; try again later.';
  if (plan.status === 'idle') {
    const next = plan.nextDueInMs === null ? '' : ` The next tenant is due in ${duration(plan.nextDueInMs)}.`;
    return `No tenant is due.${next}`;
  }
  const sums = new RunSums();
  for (const run of runs) sums.add(run);
  const lines = [await runTable(runs, session.terminal), '', `${sums.text()}.`];
  if (plan.more) lines.push("More tenants are due; run 'tick' again.");
  return lines.join('\n');
}
