import type { OperationSummary } from '../../../fleet/stored-operations/operation.ts';
import { Link } from '../location.tsx';
import { Age } from '../parts/ages.tsx';
import { AsOf } from '../parts/as-of.tsx';
import { NextPage } from '../parts/next-page.tsx';
import { Count } from '../parts/numbers.tsx';
import { isAtLeast, whichText } from '../parts/operation-texts.ts';
import { Scroll } from '../parts/scroll.tsx';
import { Empty, PolledPart } from '../parts/states.tsx';
import { usePolled } from '../polling.ts';
import type { PageProps } from './page-props.ts';

export function OperationsPage({ place }: PageProps) {
  const operations = usePolled<OperationSummary[]>('/api/operations', place.query);
  return (
    <>
      <div class="head">
        <h1>Operations</h1>
        <AsOf asOf={operations.asOf} />
      </div>
      <PolledPart polled={operations} of="the operations">
        {(list, asOf) =>
          list.length === 0 ? (
            <Empty>
              An operation acts on all messages that match, or on many tenants. Begin one from{' '}
              <Link to="/errors">a group of errors</Link> or from <Link to="/tenants">the tenants</Link>.
            </Empty>
          ) : (
            <>
              <OperationTable operations={list} asOf={asOf} />
              <NextPage place={place} rows={list} />
            </>
          )
        }
      </PolledPart>
    </>
  );
}

function OperationTable({ operations, asOf }: { operations: readonly OperationSummary[]; asOf: Date }) {
  return (
    <Scroll label="operations">
      <table>
        <caption class="unseen">Operations</caption>
        <thead>
          <tr>
            {['Operation', 'State', 'Act', 'Which', 'By'].map((title) => (
              <th scope="col" key={title}>
                {title}
              </th>
            ))}
            {['Counted', 'Changed', 'Failed tenants', 'Created', 'Updated'].map((title) => (
              <th scope="col" class="number" key={title}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {operations.map((operation) => (
            <tr key={operation.id}>
              <th scope="row">
                <Link to={`/operations/${operation.id}`} class="row">
                  <code>{operation.id.slice(0, 8)}</code>
                </Link>
              </th>
              <td>{operation.state}</td>
              <td>{operation.act.act}</td>
              <td class="long">{whichText(operation)}</td>
              <td class="long">{operation.actor}</td>
              <td class="number">
                <Count value={operation.counted} atLeast={isAtLeast(operation)} />
              </td>
              <td class="number">
                <Count value={operation.changed} />
              </td>
              <td class="number">
                <Count value={operation.failures} tone="bad" />
              </td>
              <td class="number">
                <Age utc={operation.createdUtc} asOf={asOf} past="ago" />
              </td>
              <td class="number">
                <Age utc={operation.updatedUtc} asOf={asOf} past="ago" />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
