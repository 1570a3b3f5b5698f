/** Durations as text, in one style for all output. */

/** A duration as options and variables take it: `120ms`, `4.2s`, `90s`, `3m`, `2h`, `5d`; what is left over is dropped. */
export function duration(milliseconds: number): string {
  const value = Math.max(0, milliseconds);
  if (value < 1_000) return `${Math.round(value)}ms`;
  if (value < 10_000) return `${Math.floor(value / 100) / 10}s`;
  if (value < 120_000) return `${Math.floor(value / 1_000)}s`;
  if (value < 7_200_000) return `${Math.floor(value / 60_000)}m`;
  if (value < 172_800_000) return `${Math.floor(value / 3_600_000)}h`;
  return `${Math.floor(value / 86_400_000)}d`;
}

/** A duration as a setting has it, without any loss: `30s`, `1d`, `90m`, `1500ms`. */
export function exactDuration(milliseconds: number): string {
  const units = [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'm'],
    [1_000, 's'],
  ] as const;
  const [size, unit] = (milliseconds !== 0 && units.find(([each]) => milliseconds % each === 0)) || [1, 'ms'];
  return `${milliseconds / size}${unit}`;
}
