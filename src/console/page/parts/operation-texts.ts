/** What an operation does, and to what, in words. */
import type { OperationSummary } from '../../../fleet/stored-operations/operation.ts';
import type { OverridesChange } from '../../routes/many-tenants.ts';
import { count, counted, exactDuration } from '../format.ts';
import { conditionTexts } from './condition-texts.ts';
import { type OverrideName, overrideFields } from './override-fields.ts';

/** Which messages, or which tenants. */
export function whichText(operation: OperationSummary): string {
  const { tenants } = operation;
  const where = tenants === null ? 'all tenants' : counted(tenants, 'tenant');
  if (operation.on === 'messages')
    return `${operation.queue} of ${where}: ${conditionTexts(operation.filter).join('; ')}`;
  const lines = overrideLines(operation);
  return lines.length === 0 ? where : `${where}: ${lines.join('; ')}`;
}

/** `replay 7 messages`. @param number how many, with or without the noun */
export function actText(operation: OperationSummary, number: string): string {
  const { act } = operation.act;
  return `${act === 'change-overrides' ? 'change the overrides of' : act} ${number}`;
}

/** New values of overrides, each as in 'Batch size → 25'. */
export function overrideLines({ act }: OperationSummary): string[] {
  if (act.act !== 'change-overrides') return [];
  const { overrides } = act;
  return overrideFields
    .filter(({ name }) => overrides[name] !== undefined)
    .map(({ name, title }) => overrideLine(title, valueText(name, overrides[name])));
}

/** @param text empty: the fleet's */
export function overrideLine(title: string, text: string): string {
  return `${title} → ${text === '' ? 'as the fleet' : text}`;
}

function valueText(name: OverrideName, value: OverridesChange[OverrideName]): string {
  return name === 'idleCeilingMs' && typeof value === 'number' ? exactDuration(value) : String(value ?? '');
}

export function isAtLeast(operation: OperationSummary): boolean {
  return operation.on === 'messages' && (operation.countedAtLeast || operation.uncounted > 0);
}

/** `7 messages`, `at least 7 messages`, `7 tenants`. */
export function countedText(operation: OperationSummary): string {
  return `${atLeast(operation)}${counted(operation.counted, nounOf(operation))}`;
}

/** `7`, `at least 7`. */
export function countedNumber(operation: OperationSummary): string {
  return `${atLeast(operation)}${count(operation.counted)}`;
}

export function nounOf({ on }: OperationSummary): string {
  return on === 'messages' ? 'message' : 'tenant';
}

function atLeast(operation: OperationSummary): string {
  return isAtLeast(operation) ? 'at least ' : '';
}
