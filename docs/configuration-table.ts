import { type SettingDescription, settingDescriptions } from '../src/settings.ts';

/** docs/configuration.md between its markers: every setting as a row of a Markdown table. */
export function configurationTable(): string {
  const rows = settingDescriptions.map(
    ({ option, variable, fallback, meaning, secret }: SettingDescription) =>
      `| \`${option}\` | \`${variable}\` | ${fallback === null ? '' : `\`${fallback}\``} | ${meaning}${secret ? ' Secret.' : ''} |`,
  );
  return ['| option | variable | default | meaning |', '| --- | --- | --- | --- |', ...rows, ''].join('\n');
}
