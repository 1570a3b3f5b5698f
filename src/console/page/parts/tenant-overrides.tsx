import { useState } from 'preact/hooks';
import type { ChangedTenant } from '../../routes/tenant-acts.ts';
import type { TenantDetails } from '../../routes/tenants.ts';
import { act } from '../api.ts';
import { exactDuration } from '../format.ts';
import type { Json } from '../json.ts';
import { useRight } from '../rights.ts';
import { ActButton } from './act-button.tsx';
import { type OverrideTexts, overrideFields, overrideOf } from './override-fields.ts';

interface TenantOverridesProps {
  tenant: Json<TenantDetails>;
  onDone: () => void;
}

/** Values of a tenant that differ from those of the fleet; an empty field is as the fleet. */
export function TenantOverrides({ tenant, onDone }: TenantOverridesProps) {
  const stored = textsOf(tenant.overrides);
  // What somebody types stays, also when the page reads the tenant again; with the version of the tenant that was seen then.
  const [draft, setDraft] = useState<{ texts: OverrideTexts; version: number } | null>(null);
  if (!useRight('configure')) return null;
  const texts = draft?.texts ?? stored;
  const different = overrideFields.filter(({ name }) => texts[name].trim() !== stored[name]);
  const run = async () => {
    const path = `/api/tenants/${encodeURIComponent(tenant.id)}/overrides`;
    const body = { overrides: valuesOf(texts), version: draft?.version ?? tenant.version };
    await act<ChangedTenant>(path, body);
    return 'Changed. Hosts use the new values within their next refresh of the tenants.';
  };
  const { directory } = tenant.tags;
  return (
    <section aria-labelledby="overrides">
      <h2 id="overrides">
        Overrides <span class="faint">empty: as the fleet</span>
      </h2>
      <div class="stacked">
        {overrideFields.map(({ name, title, hint }) => (
          <label key={name}>
            {title} <span class="faint">{hint}</span>
            <input
              type="text"
              value={texts[name]}
              maxLength={40}
              autocomplete="off"
              onInput={(event) =>
                setDraft({
                  texts: { ...texts, [name]: event.currentTarget.value },
                  version: draft?.version ?? tenant.version,
                })
              }
            />
          </label>
        ))}
      </div>
      <p class="acts">
        <ActButton
          label="Change the overrides"
          right="configure"
          disabled={different.length === 0}
          run={run}
          onDone={() => {
            setDraft(null);
            onDone();
          }}
        >
          <ul>
            {different.map(({ name, title }) => (
              <li key={name}>
                {title}: {stored[name] || 'as the fleet'} →{' '}
                <strong>{texts[name].trim() || 'as the fleet'}</strong>
              </li>
            ))}
          </ul>
          {directory !== undefined && (
            <p>
              If the directory {directory} lists {tenant.id}, its next reading puts its own values back.
            </p>
          )}
        </ActButton>
        {draft !== null && (
          <button type="button" class="quiet" onClick={() => setDraft(null)}>
            Read the values again
          </button>
        )}
      </p>
    </section>
  );
}

function textsOf({ batchSize, concurrency, idleCeilingMs }: TenantDetails['overrides']): OverrideTexts {
  return {
    batchSize: batchSize === undefined ? '' : String(batchSize),
    concurrency: concurrency === undefined ? '' : String(concurrency),
    idleCeilingMs: typeof idleCeilingMs === 'number' ? exactDuration(idleCeilingMs) : (idleCeilingMs ?? ''),
  };
}

function valuesOf(texts: OverrideTexts) {
  return Object.fromEntries(overrideFields.map(({ name }) => [name, overrideOf(name, texts[name])]));
}
