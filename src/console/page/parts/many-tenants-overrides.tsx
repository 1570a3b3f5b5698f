import { useState } from 'preact/hooks';
import type { OverridesChange } from '../../routes/many-tenants.ts';
import { count, counted } from '../format.ts';
import { mostTenants, operationPaths } from '../operation-rules.ts';
import { useRight } from '../rights.ts';
import { ActButton } from './act-button.tsx';
import { beginOperation } from './begin-operation.ts';
import { ByOperation, type ManyTenantsProps, matchedText } from './many-tenants-acts.tsx';
import { overrideLine } from './operation-texts.ts';
import { type OverrideName, overrideFields, overrideOf } from './override-fields.ts';

/** What becomes of one override: nothing, a value, or the fleet's. */
interface Wanted {
  readonly how: 'stays' | 'value' | 'fleet';
  readonly text: string;
}

const stays: Wanted = { how: 'stays', text: '' };
const choices: readonly (readonly [how: Wanted['how'], title: string])[] = [
  ['stays', 'stays as it is'],
  ['value', 'becomes…'],
  ['fleet', 'as the fleet'],
];
const unchanged: Readonly<Record<OverrideName, Wanted>> = {
  batchSize: stays,
  concurrency: stays,
  idleCeilingMs: stays,
};

/** Changes some overrides of many tenants, and leaves the others as they are. */
export function ManyTenantsOverrides({ chosen, when, onOpen }: ManyTenantsProps) {
  const [isShown, setIsShown] = useState(false);
  const [wanted, setWanted] = useState(unchanged);
  if (!useRight('configure')) return null;
  const ids = [...chosen.active, ...chosen.paused];
  const { change, lines, problem } = changeOf(wanted);
  const want = (name: OverrideName, part: Partial<Wanted>) =>
    setWanted({ ...wanted, [name]: { ...wanted[name], ...part } });
  return (
    <>
      {when && (
        <button type="button" aria-expanded={isShown} onClick={() => setIsShown(!isShown)}>
          Overrides…
        </button>
      )}
      <div class={when && isShown ? 'panel' : undefined}>
        {when && isShown && (
          <div class="fields">
            {overrideFields.map(({ name, title, hint }) => (
              <div key={name}>
                <label>
                  {title}
                  <select
                    value={wanted[name].how}
                    onChange={(event) => want(name, { how: event.currentTarget.value as Wanted['how'] })}
                  >
                    {choices.map(([how, words]) => (
                      <option key={how} value={how}>
                        {words}
                      </option>
                    ))}
                  </select>
                </label>
                {wanted[name].how === 'value' && (
                  <input
                    type="text"
                    aria-label={`Value of ${title.toLowerCase()}`}
                    placeholder={hint}
                    maxLength={40}
                    autocomplete="off"
                    value={wanted[name].text}
                    onInput={(event) => want(name, { text: event.currentTarget.value })}
                  />
                )}
              </div>
            ))}
          </div>
        )}
        <ActButton
          label={`Change the overrides of ${count(ids.length)}`}
          right="configure"
          when={when && isShown}
          disabled={ids.length === 0 || ids.length > mostTenants || lines.length === 0 || problem !== null}
          run={() => beginOperation(operationPaths.configure, { overrides: change, tenants: ids })}
          onOpen={onOpen}
        >
          <p>
            {counted(ids.length, 'tenant')} ({count(chosen.active.length)} active,{' '}
            {count(chosen.paused.length)} paused) {ids.length === 1 ? 'gets' : 'get'} new values.
            {matchedText(chosen)}
          </p>
          <ul>
            {lines.map((line) => (
              <li key={line}>{line}</li>
            ))}
          </ul>
          <p>
            Their other overrides stay. Hosts use the new values within their next refresh of the tenants.
            Where a directory lists a tenant, its next reading puts the directory’s values back.
          </p>
          <ByOperation />
        </ActButton>
        {when && isShown && problem !== null && <span class="faint"> {problem}</span>}
      </div>
    </>
  );
}

/** The request's part, the same in words, and what is not typed yet, or wrongly. */
function changeOf(wanted: Readonly<Record<OverrideName, Wanted>>) {
  const change: Record<string, unknown> = {};
  const lines: string[] = [];
  let problem: string | null = null;
  for (const { name, title } of overrideFields) {
    const { how, text } = wanted[name];
    if (how === 'stays') continue;
    lines.push(overrideLine(title, how === 'fleet' ? '' : text.trim()));
    try {
      change[name] = how === 'fleet' ? null : overrideOf(name, text);
    } catch (error) {
      problem ??= (error as Error).message;
    }
    if (how === 'value' && text.trim() === '') problem ??= `Type the value of ${title.toLowerCase()}.`;
  }
  return { change: change as OverridesChange, lines, problem };
}
