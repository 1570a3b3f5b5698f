import type { Command } from 'commander';
import type { Runner } from '../runner.ts';

export function demoCommand(program: Command, run: Runner): void {
  program
    .command('demo')
    .description('dispatch the mails of five made-up customers with two hosts; all files go to .data/demo')
    .action((_options: object, command: Command) =>
      run(command, async (session) => {
        const { demo } = await import('../demo/run.ts');
        return demo(session);
      }),
    );
}
