/** The overrides of a tenant as fields of a form. */
import type { OverridesChange } from '../../routes/many-tenants.ts';

export type OverrideName = keyof OverridesChange;
export type OverrideTexts = Readonly<Record<OverrideName, string>>;

export const overrideFields: readonly {
  readonly name: OverrideName;
  readonly title: string;
  readonly hint: string;
}[] = [
  { name: 'batchSize', title: 'Batch size', hint: 'messages, 1 to 5,000' },
  { name: 'concurrency', title: 'Concurrency', hint: 'handlers at once, 1 to 1,000' },
  { name: 'idleCeilingMs', title: 'Idle ceiling', hint: 'such as 90s or 5m, or never' },
];

/** What somebody has typed, as a request has it; null for an empty field. @throws Error with the field's title */
export function overrideOf(name: OverrideName, typed: string): number | string | null {
  const text = typed.trim();
  if (text === '') return null;
  if (name === 'idleCeilingMs') return text;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new Error(`${overrideFields.find((field) => field.name === name)!.title} must be a whole number.`);
}
