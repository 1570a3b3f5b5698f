import type { AuditRow } from '../../routes/audit.ts';
import { Link } from '../location.tsx';
import { Age } from '../parts/ages.tsx';
import { AsOf } from '../parts/as-of.tsx';
import { NextPage } from '../parts/next-page.tsx';
import { Count } from '../parts/numbers.tsx';
import { Scroll } from '../parts/scroll.tsx';
import { Empty, PolledPart } from '../parts/states.tsx';
import { usePolled } from '../polling.ts';
import type { PageProps } from './page-props.ts';

export function AuditPage({ place }: PageProps) {
  const audit = usePolled<AuditRow[]>('/api/audit', place.query);
  return (
    <>
      <div class="head">
        <h1>Audit</h1>
        <AsOf asOf={audit.asOf} note="nothing changes or removes its rows" />
      </div>
      <PolledPart polled={audit} of="the record of acts">
        {(rows, asOf) =>
          rows.length === 0 ? (
            <Empty>Nobody has acted yet.</Empty>
          ) : (
            <>
              <AuditTable rows={rows} asOf={asOf} />
              <NextPage place={place} rows={rows} />
            </>
          )
        }
      </PolledPart>
    </>
  );
}

function AuditTable({ rows, asOf }: { rows: readonly AuditRow[]; asOf: Date }) {
  return (
    <Scroll label="acts">
      <table class="second">
        <caption class="unseen">Acts, the latest first</caption>
        <thead>
          <tr>
            {['When', 'Who', 'Act', 'On'].map((title) => (
              <th scope="col" key={title}>
                {title}
              </th>
            ))}
            <th scope="col" class="number">
              Changed
            </th>
            <th scope="col">Result</th>
            <th scope="col">Which</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.id}>
              <td>
                <Age utc={row.startedUtc} asOf={asOf} past="ago" />
              </td>
              <th scope="row">{row.actor}</th>
              <td>
                <span class="badge">{row.act}</span>
              </td>
              <td>
                {row.tenantId !== null && (
                  <Link to={`/tenants/${encodeURIComponent(row.tenantId)}`} class="row">
                    {row.tenantId}
                  </Link>
                )}
                {row.operationId !== null && (
                  <Link to={`/operations/${row.operationId}`}>operation {row.operationId.slice(0, 8)}</Link>
                )}
              </td>
              <td class="number">
                <Count value={row.count} />
              </td>
              <td class="long">
                {row.error !== null ? (
                  <span class="count bad">{row.error}</span>
                ) : row.endedUtc === null ? (
                  <span class="faint">no end recorded</span>
                ) : (
                  'done'
                )}
              </td>
              <SelectionCell selection={row.selection} />
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

/** What was selected; empty when the act is on the whole tenant or operation. */
function SelectionCell({ selection }: Pick<AuditRow, 'selection'>) {
  const text = JSON.stringify(selection);
  if (text === '{}') return <td />;
  return (
    <td class="long" title={text}>
      <code>{text}</code>
    </td>
  );
}
