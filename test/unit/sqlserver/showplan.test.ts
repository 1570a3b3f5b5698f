/** A scan in a showplan is found, wherever it stands, and a seek is not taken for one. */
import { accessesOf, scansOf } from '../../blocking/showplan.ts';

interface Operator {
  readonly physical: string;
  readonly detail?: string;
  readonly ordered?: string;
  readonly table?: string;
  readonly index?: string;
  readonly inside?: readonly Operator[];
}

function relOp({ physical, detail = 'IndexScan', ordered, table, index, inside = [] }: Operator): string {
  const object = table
    ? `<Object Database="[mo_test_1]" Schema="[messaging]" Table="[${table}]" ${index ? `Index="[${index}]"` : ''} Alias="[q]" Storage="RowStore"/>`
    : '';
  return `<RelOp NodeId="1" PhysicalOp="${physical}" LogicalOp="${physical}" EstimateRows="1">
    <OutputList><ColumnReference Database="[mo_test_1]" Schema="[messaging]" Table="[Outbox]" Column="Sequence"/></OutputList>
    <${detail} ${ordered === undefined ? '' : `Ordered="${ordered}"`}>${object}${inside.map(relOp).join('')}</${detail}></RelOp>`;
}

/** A procedure's cached plan: its statements are inside the block of its batch, and some inside a condition. */
function showplan(...statements: readonly (readonly [text: string, ...operators: Operator[]])[]): string {
  const [first, ...others] = statements.map(
    ([text, ...operators]) =>
      `<StmtSimple StatementText="${text}" StatementType="SELECT"><QueryPlan CachedPlanSize="24">${operators.map(relOp).join('')}</QueryPlan></StmtSimple>`,
  );
  return `<?xml version="1.0" encoding="utf-16"?>
    <ShowPlanXML xmlns="http://schemas.microsoft.com/sqlserver/2004/07/showplan" Version="1.539" Build="15.0.2080.9"><BatchSequence>
    <Batch><Statements>${first ?? ''}<StmtCond StatementText="IF @Again = 1"><Condition/><Then><Statements>${others.join('')}</Statements></Then></StmtCond>
    </Statements></Batch></BatchSequence></ShowPlanXML>`;
}

const seek: Operator = { physical: 'Index Seek', ordered: 'true', table: 'Outbox', index: 'IX_Outbox_Due' };
const scan: Operator = {
  physical: 'Clustered Index Scan',
  ordered: 'false',
  table: 'Outbox',
  index: 'PK_Outbox',
};
const queues = ['Outbox', 'Inbox'];

test('a seek and a key lookup are no scans', () => {
  const lookup: Operator = { physical: 'Key Lookup', ordered: '1', table: 'Outbox', index: 'PK_Outbox' };
  const joined: Operator = { physical: 'Nested Loops', detail: 'NestedLoops', inside: [seek, lookup] };
  const plan = showplan(['SELECT 1', joined]);
  expect(scansOf(plan, queues)).toEqual([]);
  expect(accessesOf(plan).map(({ operator, index }) => [operator, index])).toEqual([
    ['Index Seek', 'IX_Outbox_Due'],
    ['Key Lookup', 'PK_Outbox'],
  ]);
});

test('a scan below other operators, in a later statement and in a branch, is found with its statement', () => {
  const below: Operator = {
    physical: 'Top',
    detail: 'Top',
    inside: [{ physical: 'Filter', detail: 'Filter', inside: [scan] }],
  };
  const plan = showplan(['SELECT 1', seek], ['UPDATE messaging.Outbox&#13;&#10;  SET Status = 1', below]);
  expect(scansOf(plan, queues)).toEqual([
    {
      statement: 'UPDATE messaging.Outbox SET Status = 1',
      operator: 'Clustered Index Scan',
      table: 'Outbox',
      index: 'PK_Outbox',
      isOrdered: false,
    },
  ]);
});

test('an index scan tells its index and whether it is ordered; a heap has no index', () => {
  const ordered: Operator = {
    physical: 'Index Scan',
    ordered: '1',
    table: 'Inbox',
    index: 'IX_Inbox_Due',
  };
  const heap: Operator = { physical: 'Table Scan', detail: 'TableScan', table: 'Outbox' };
  const found = scansOf(showplan(['SELECT 1', ordered, heap]), queues);
  expect(found.map(({ index, isOrdered }) => [index, isOrdered])).toEqual([
    ['IX_Inbox_Due', true],
    ['', false],
  ]);
});

test('scans of other tables, such as table variables, are left out', () => {
  const other: Operator = { physical: 'Table Scan', detail: 'TableScan', table: '@Claim' };
  expect(scansOf(showplan(['SELECT 1', other]), queues)).toEqual([]);
});

test('a deep plan with a long text is read to its end', () => {
  let deep = scan;
  for (let depth = 0; depth < 200; depth++)
    deep = { physical: 'Compute Scalar', detail: 'ComputeScalar', inside: [deep] };
  const text = `SELECT 1${'&#13;&#10;-- &lt;note&gt; &amp; more'.repeat(2_000)}`;
  expect(scansOf(showplan([text, deep]), queues)).toHaveLength(1);
});
