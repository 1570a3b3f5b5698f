import { Argument, type Command } from 'commander';
import { completions, shellScripts } from '../completion.ts';
import { helpNote } from '../help-note.ts';
import type { Runner } from '../runner.ts';

export function completionCommand(program: Command, run: Runner): void {
  program
    .command('completion')
    .description('print the script that lets a shell complete command lines of this program')
    .addArgument(new Argument('<shell>', 'the shell').choices(Object.keys(shellScripts)))
    .addHelpText(
      'after',
      helpNote(
        'bash: eval "$(multi-outbox completion bash)" in ~/.bashrc; docs/operations.md has the other shells.',
      ),
    )
    .action((shell: string, _options: object, command: Command) =>
      run(command, async (session) => {
        const script = shellScripts[shell]!;
        await session.show({ shell, script }, () => script);
        return undefined;
      }),
    );
  program
    .command('complete', { hidden: true })
    .argument('<word...>')
    .action((words: string[], _options: object, command: Command) =>
      run(command, async () => {
        const found = completions(program, [...words.slice(0, -1), words.at(-1)!.replace(/^=/, '')]);
        process.stdout.write(found.map((each) => `${each}\n`).join(''));
        return undefined;
      }),
    );
}
