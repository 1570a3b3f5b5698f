/** Draws the picture of docs/operations.md: the spans of one real order, from its HTTP request to the mail that it causes. */
import type { PictureSpan } from './traced-order.ts';

export const tracePictureFile = 'docs/images/trace.svg';

const width = 900;
const rowHeight = 30;
const nameWidth = 270;
const timeWidth = width - nameWidth - 90;

/** A line of the picture: a span, or the title above the spans of a trace. */
type Row = { readonly title: string } | { readonly span: PictureSpan; readonly depth: number };

/** The spans of each trace, parents above their children, in the order in which they began. */
function rowsOf(spans: readonly PictureSpan[]): Row[] {
  const byStart = [...spans].sort((a, b) => a.startMs - b.startMs);
  const below = (parent: string | undefined, depth: number, trace: number): Row[] =>
    byStart
      .filter((span) => span.parent === parent && span.trace === trace)
      .flatMap((span) => [{ span, depth }, ...below(span.name, depth + 1, trace)]);
  const traces = [...new Set(byStart.map(({ trace }) => trace))];
  return traces.flatMap((trace, index) => [{ title: `Trace ${index + 1}` }, ...below(undefined, 0, trace)]);
}

const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
const px = (value: number) => value.toFixed(1);

/**
 * An SVG document. Each span is a `g` with its name, parent and links in `data-` attributes, so that a test can compare them with
 * the spans of a new run.
 * @param spans with names that are unique, and times in milliseconds from the start of the first
 */
export function tracePicture(spans: readonly PictureSpan[]): string {
  const rows = rowsOf(spans);
  const end = Math.max(...spans.map(({ startMs, durationMs }) => startMs + durationMs));
  const x = (ms: number) => nameWidth + (ms / end) * timeWidth;
  const top = (index: number) => 44 + index * rowHeight;
  const rowOf = new Map(rows.flatMap((row, index) => ('span' in row ? [[row.span.name, index]] : [])));
  const colors: Record<string, string> = { 'multi-outbox': '#2171b5' };
  const drawn = rows.map((row, index) => {
    const y = top(index);
    if ('title' in row) return `<text x="10" y="${y + 20}" font-weight="bold">${escaped(row.title)}</text>`;
    const { name, by, kind, parent, links, startMs, durationMs } = row.span;
    const data = `data-span="${escaped(name)}" data-kind="${kind}" data-by="${escaped(by)}" data-parent="${escaped(parent ?? '')}" data-links="${escaped(links.join(','))}"`;
    const barWidth = Math.max(2, (durationMs / end) * timeWidth);
    return `<g ${data}>
<text x="${24 + row.depth * 16}" y="${y + 20}">${escaped(name)} <tspan fill="#777777" font-size="11">${escaped(by)}</tspan></text>
<rect x="${px(x(startMs))}" y="${y + 7}" width="${px(barWidth)}" height="16" rx="2" fill="${colors[by] ?? '#fd8d3c'}"/>
<text x="${px(x(startMs) + barWidth + 5)}" y="${y + 20}" font-size="11" fill="#555555">${durationMs.toFixed(1)} ms</text>
</g>`;
  });
  const linked = spans.flatMap(({ name, links, startMs }) =>
    links.map((to) => {
      const target = spans.find((span) => span.name === to)!;
      const [fromX, fromY] = [x(startMs), top(rowOf.get(name)!) + 15];
      const [toX, toY] = [x(target.startMs), top(rowOf.get(to)!) + 15];
      const bend = Math.min(fromX, toX) - 28;
      return `<path d="M${px(fromX)} ${px(fromY)} C${px(bend)} ${px(fromY)} ${px(bend)} ${px(toY)} ${px(toX)} ${px(toY)}" fill="none" stroke="#888888" stroke-dasharray="4 3" marker-end="url(#arrow)"/>`;
    }),
  );
  const height = top(rows.length) + 14;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="13">
<title>The spans of one order</title>
<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#888888"/></marker></defs>
<rect width="${width}" height="${height}" fill="#ffffff"/>
<text x="10" y="24" font-size="12" fill="#555555">Indented: a child of the span above. Dashed: a link from a span to another trace's. Orange: spans of the application.</text>
${[...drawn, ...linked].join('\n')}
</svg>
`;
}
