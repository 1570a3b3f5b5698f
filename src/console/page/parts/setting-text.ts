import type { SettingInForce } from '../../../settings/in-force.ts';
import { exactDuration } from '../format.ts';
import type { Json } from '../json.ts';

/** The value as the setting takes it: the options whose names end with Ms are durations. */
export function settingText({ option, value }: Json<SettingInForce>): string {
  if (value === null || value === undefined) return '–';
  if (typeof value === 'number' && option.endsWith('Ms')) return exactDuration(value);
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
