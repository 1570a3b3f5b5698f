import type { SettingInForce } from '../../../settings/in-force.ts';
import type { Json } from '../json.ts';

export function settingText({ value }: Json<SettingInForce>): string {
  if (value === null || value === undefined) return '–';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
