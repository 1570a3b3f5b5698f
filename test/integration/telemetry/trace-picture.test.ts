/** The picture of a trace in docs/operations.md shows the spans that a real order has, as a real SDK exports them. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { XMLParser } from 'fast-xml-parser';
import { tracePicture, tracePictureFile } from '../../../docs/generate/trace-picture.ts';
import { type PictureSpan, tracedOrder } from '../../../docs/generate/traced-order.ts';
import { root } from '../../support/documents.ts';

const tree = [
  { name: 'POST /orders', by: 'shop', kind: 'SERVER', parent: '', links: '' },
  {
    ...{ name: 'process order.placed', by: 'multi-outbox', kind: 'CONSUMER' },
    ...{ parent: 'POST /orders', links: 'dispatch' },
  },
  { name: 'send mail', by: 'shop', kind: 'CLIENT', parent: 'process order.placed', links: '' },
  { name: 'POST /mails', by: 'mail service', kind: 'SERVER', parent: 'send mail', links: '' },
  { name: 'plan', by: 'multi-outbox', kind: 'INTERNAL', parent: '', links: '' },
  { name: 'dispatch', by: 'multi-outbox', kind: 'INTERNAL', parent: '', links: 'plan' },
  {
    ...{ name: 'settle', by: 'multi-outbox', kind: 'CLIENT' },
    ...{ parent: 'dispatch', links: 'process order.placed' },
  },
];

/** The spans that a picture shows, from top to bottom. */
function shown(svg: string) {
  const parser = new XMLParser({
    ignoreAttributes: false,
    attributeNamePrefix: '',
    isArray: (name) => name === 'g',
  });
  return parser.parse(svg).svg.g.map((group: Record<string, string>) => ({
    name: group['data-span'],
    by: group['data-by'],
    kind: group['data-kind'],
    parent: group['data-parent'],
    links: group['data-links'],
  }));
}

let spans: PictureSpan[];
beforeAll(async () => {
  spans = await tracedOrder();
});

test('an order’s spans are one tree from its request to the mail service, and two that links lead to', () => {
  const exported = spans.map(({ name, by, kind, parent, links }) => ({
    ...{ name, by, kind, parent: parent ?? '', links: links.join(',') },
  }));
  expect(exported).toHaveLength(tree.length);
  expect(exported).toEqual(expect.arrayContaining(tree));
  const ofMessage = spans.filter(({ name }) => name !== 'plan' && name !== 'dispatch' && name !== 'settle');
  expect(new Set(ofMessage.map(({ trace }) => trace)).size).toBe(1);
});

test('the picture in the documents shows these spans, each with its parent and links', () => {
  const picture = readFileSync(path.join(root, tracePictureFile), 'utf8');
  expect(shown(picture)).toEqual(tree);
  expect(shown(tracePicture(spans))).toEqual(tree);
  expect(picture.match(/<path d="M[^>]*stroke-dasharray/g)).toHaveLength(3);
});
