/** Reads from a showplan (the XML of a cached or an actual plan) how its statements read tables. */
import { XMLParser } from 'fast-xml-parser';

/** One operator that reads a table or an index. */
export interface Access {
  /** The statement's text, cut to one line. */
  readonly statement: string;
  /** `Index Seek`, `Clustered Index Scan`, `Table Scan`, `Key Lookup`… */
  readonly operator: string;
  readonly table: string;
  /** Empty for a heap. */
  readonly index: string;
  /** The rows come in the order of the index, so that a TOP above it reads only the first of them. */
  readonly isOrdered: boolean;
}

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  parseAttributeValue: false,
  // Each operator of a plan is nested two levels below the operator that reads from it.
  maxNestedTags: 10_000,
});

type Element = Readonly<Record<string, unknown>>;

export function accessesOf(showplan: string): Access[] {
  const accesses: Access[] = [];
  collect(parser.parse(showplan), '', accesses);
  return accesses;
}

/** Scans of these tables, or of indexes on them: operators that read from one end, and do not seek by a key. */
export function scansOf(showplan: string, tables: readonly string[]): Access[] {
  return accessesOf(showplan).filter(
    ({ operator, table }) => /\bScan$/.test(operator) && tables.includes(table),
  );
}

function collect(node: unknown, statement: string, into: Access[]): void {
  for (const [name, child] of Object.entries(isElement(node) ? node : {})) {
    for (const element of [child].flat()) {
      if (!isElement(element)) continue;
      const text = element['@StatementText'];
      if (name === 'RelOp') into.push(...accessesBy(element, statement));
      collect(element, typeof text === 'string' ? oneLine(text) : statement, into);
    }
  }
}

/** An operator's own objects: those of its detail element (IndexScan, TableScan…), not of the operators below it. */
function accessesBy(operator: Element, statement: string): Access[] {
  return Object.entries(operator).flatMap(([name, detail]) => {
    if (name === 'RelOp' || !isElement(detail)) return [];
    return [detail.Object].flat().flatMap((object) =>
      isElement(object)
        ? [
            {
              statement,
              operator: String(operator['@PhysicalOp']),
              table: plain(object['@Table']),
              index: plain(object['@Index']),
              isOrdered: ['1', 'true'].includes(String(detail['@Ordered'])),
            },
          ]
        : [],
    );
  });
}

/** Line ends are numeric references, which the parser keeps. */
function oneLine(text: string): string {
  return text.replace(/(?:&#1[03];|\s)+/g, ' ').trim();
}

/** `[Outbox]` → `Outbox` */
function plain(name: unknown): string {
  return typeof name === 'string' ? name.replace(/^\[|\]$/g, '') : '';
}

function isElement(node: unknown): node is Element {
  return typeof node === 'object' && node !== null;
}
