import type { Command } from 'commander';
import { exactDuration } from '../../duration-text.ts';
import type { SettingInForce } from '../../settings/in-force.ts';
import { unknownVariables } from '../../settings.ts';
import { table } from '../output/table.ts';
import type { Runner } from '../runner.ts';
import { correction } from '../session.ts';

export function settingsCommand(program: Command, run: Runner): void {
  program
    .command('settings')
    .description('show every setting, its value in force and where it comes from; secrets are masked')
    .action((_options: object, command: Command) =>
      run(command, async (session) => {
        const settings = session.settingsInForce();
        const unknown = unknownVariables();
        await session.show({ settings, unknown }, async () =>
          [
            await table(
              settings,
              [
                { title: 'Setting', cell: ({ option }) => option, spare: 1 },
                { title: 'Value', cell: valueText, breaks: true },
                {
                  title: 'From',
                  cell: ({ source }) => source,
                  paint: (text, { source }) =>
                    source === 'default' ? session.colors.dim(text) : session.colors.green(text),
                },
                { title: 'Variable', cell: ({ variable }) => variable, breaks: true },
              ],
              session.terminal,
            ),
            ...unknown.map(
              (name) => `${name} is not a setting and has no effect; ${correction(name)} or remove it.`,
            ),
          ].join('\n'),
        );
      }),
    );
}

function valueText({ option, value }: SettingInForce): string {
  if (value === null) return '';
  if (typeof value === 'number' && option.endsWith('Ms')) return exactDuration(value);
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
