import { type SettingDescription, settingDescriptions } from '../../src/settings.ts';

/** A table with one row for each setting. */
export function settingsTable(): string {
  const rows = settingDescriptions.map(
    ({ option, variable, fallback, meaning, secret }: SettingDescription) =>
      `| \`${option}\` | \`${variable}\` | ${fallback === null ? '' : `\`${fallback}\``} | ${meaning}${secret ? ' Secret.' : ''} |`,
  );
  return ['| option | variable | default | meaning |', '| --- | --- | --- | --- |', ...rows, ''].join('\n');
}
