import { type SettingDescription, settingDescriptions } from '../../src/settings.ts';

/** Every setting as a row of a table. */
export function settingsTable(): string {
  const rows = settingDescriptions.map(
    ({ option, variable, fallback, meaning, secret }: SettingDescription) =>
      `| \`${option}\` | \`${variable}\` | ${fallback === null ? '' : `\`${fallback}\``} | ${meaning}${secret ? ' Secret.' : ''} |`,
  );
  return ['| option | variable | default | meaning |', '| --- | --- | --- | --- |', ...rows, ''].join('\n');
}
