import type { Diagnosis } from '../../routes/doctor.ts';
import type { TenantsPage } from '../../routes/tenants.ts';
import { type Checks, useChecks } from '../checks.ts';
import { count, counted, duration } from '../format.ts';
import type { Json } from '../json.ts';
import { addressOf, go, Link } from '../location.tsx';
import { PartAsOf } from '../parts/as-of.tsx';
import { PolledPart } from '../parts/states.tsx';
import { Table } from '../parts/table.tsx';
import { TenantsField } from '../parts/tenants-field.tsx';
import { usePolled } from '../polling.ts';
import type { PageProps } from './page-props.ts';

/** Checks the registry and, always by a click, databases of tenants; it changes none. */
export function DoctorPage({ place }: PageProps) {
  const { q = '', tenant } = place.query;
  return (
    <>
      <div class="head">
        <h1>Doctor {tenant !== undefined && <span class="faint">of {tenant}</span>}</h1>
      </div>
      <p class="faint">
        Checks databases without changing them: can they be reached, their schema, rights, settings and clock.
        It connects to each, and so wakes those that are asleep.
      </p>
      {tenant === undefined ? (
        <>
          <Filter q={q} />
          <MatchingChecks key={q} q={q} />
        </>
      ) : (
        <Buttons key={tenant} ids={[tenant]} />
      )}
    </>
  );
}

function Filter({ q }: { q: string }) {
  return (
    <form
      key={q}
      class="fields"
      onSubmit={(event) => {
        event.preventDefault();
        const given = String(new FormData(event.currentTarget).get('q')).trim();
        go(addressOf('/doctor', { q: given }));
      }}
    >
      <TenantsField q={q} />
      <button type="submit">Search</button>
    </form>
  );
}

/** The first tenants that match, by the registry. */
function MatchingChecks({ q }: { q: string }) {
  const found = usePolled<Json<TenantsPage>>('/api/tenants', q === '' ? {} : { q }, { every: null });
  return (
    <PolledPart polled={found} of="the tenants">
      {({ rows, next }) => {
        // One id that no request can name would stop the checks of all.
        const present = rows.filter(({ status, hasOddId }) => status !== 'retired' && !hasOddId);
        return (
          <Buttons
            ids={present.map(({ id }) => id)}
            note={next === null ? '' : 'the first 100 that match; filter for the others'}
          />
        );
      }}
    </PolledPart>
  );
}

function Buttons({ ids, note = '' }: { ids: readonly string[]; note?: string }) {
  const checks = useChecks();
  const isRunning = checks.state === 'running';
  return (
    <>
      <p class="acts">
        <button type="button" disabled={isRunning} onClick={() => checks.start([])}>
          Check the registry
        </button>
        {ids.length > 0 && (
          <button type="button" class="primary" disabled={isRunning} onClick={() => checks.start(ids)}>
            Check the registry and {counted(ids.length, 'tenant')}
          </button>
        )}
        {isRunning && (
          <button type="button" onClick={checks.stop}>
            Stop
          </button>
        )}
        {note !== '' && <span class="faint">{note}</span>}
      </p>
      <Progress checks={checks} />
      {checks.diagnoses.length > 0 && <Diagnoses diagnoses={checks.diagnoses} />}
    </>
  );
}

function Progress({ checks: { progress, state, error, diagnoses, asOf } }: { checks: Checks }) {
  if (progress === null) return null;
  const unwell = diagnoses.filter(hasProblem).length;
  const text = `${count(progress.done)} of ${counted(progress.of, 'database')} checked, ${count(unwell)} with problems.`;
  return (
    <>
      {state === 'running' && (
        <progress value={progress.done} max={progress.of} aria-label="Databases that are checked" />
      )}
      <p role="status">
        {state === 'stopped' && 'Stopped. '}
        {text} <PartAsOf asOf={asOf} />
      </p>
      {error !== null && (
        <p class="stale" role="alert">
          {error}
        </p>
      )}
    </>
  );
}

function Diagnoses({ diagnoses }: { diagnoses: readonly Json<Diagnosis>[] }) {
  const rank = (diagnosis: Json<Diagnosis>) =>
    hasProblem(diagnosis) ? 0 : diagnosis.findings.length > 0 ? 1 : 2;
  return (
    <section aria-label="Findings">
      <Table<Json<Diagnosis>>
        caption="Databases, those with problems first"
        rows={diagnoses.toSorted((one, other) => rank(one) - rank(other))}
        keyOf={({ tenantId }) => tenantId ?? ''}
        columns={[
          {
            title: 'Database',
            cell: ({ tenantId }) =>
              tenantId === null ? (
                'registry'
              ) : (
                <Link to={`/tenants/${encodeURIComponent(tenantId)}`}>{tenantId}</Link>
              ),
          },
          {
            title: 'State',
            cell: (diagnosis) => {
              const [word, tone] = (
                [
                  ['problem', 'bad'],
                  ['advice', 'warn'],
                  ['ok', 'good'],
                ] as const
              )[rank(diagnosis)]!;
              return <span class={`badge ${tone}`}>{word}</span>;
            },
          },
          { title: 'Schema', number: true, cell: ({ version }) => (version === null ? '–' : count(version)) },
          { title: 'Clock', number: true, cell: ({ clockAheadMs }) => clockText(clockAheadMs) },
          {
            title: 'Found',
            cell: ({ findings }) =>
              findings.length > 0 && (
                <ul class="found">
                  {findings.map(({ kind, message }) => (
                    <li key={kind + message}>{message}</li>
                  ))}
                </ul>
              ),
          },
        ]}
      />
    </section>
  );
}

function hasProblem({ findings }: Json<Diagnosis>): boolean {
  return findings.some(({ severity }) => severity === 'problem');
}

function clockText(aheadMs: number | null): string {
  if (aheadMs === null) return '–';
  return `${aheadMs < 0 ? '−' : '+'}${duration(Math.abs(aheadMs))}`;
}
