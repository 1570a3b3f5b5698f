/** `matchers`, in Jest itself and in Vitest's expect. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify, stripVTControlCharacters } from 'node:util';
import {
  createTestOutbox,
  matchers,
  type OutboxMatchers,
  type TestOutbox,
} from '../../../src/testing/index.ts';

declare global {
  namespace jest {
    interface Matchers<R> extends OutboxMatchers<R> {}
  }
}

expect.extend(matchers as never);

let outbox: TestOutbox;
beforeAll(async () => {
  outbox = await createTestOutbox({ tenants: ['acme', 'birch'] });
  await outbox.outbox('acme').enqueue({
    topic: 'order.placed',
    payload: { id: 7, lines: [{ sku: 'a' }, { sku: 'b' }] },
    headers: { source: 'shop' },
  });
  for (const id of [1, 2]) await outbox.outbox('birch').enqueue({ topic: 'order.paid', payload: { id } });
});
afterAll(() => outbox.close());

const refusal = (expectation: () => unknown): string => {
  try {
    expectation();
    return 'passed';
  } catch (error) {
    return stripVTControlCharacters((error as Error).message);
  }
};

test('it finds a message by a part of its fields', () => {
  expect(outbox).toHaveEnqueued({ topic: 'order.placed' });
  expect(outbox).toHaveEnqueued({ data: { id: 7 } });
  expect(outbox).toHaveEnqueued({
    data: { id: expect.any(Number), lines: [{ sku: 'a' }, expect.anything()] },
    headers: { source: 'shop' },
    status: 'ready',
    attempts: 0,
  });
  expect(outbox).not.toHaveEnqueued({ topic: 'order.paid' });
  expect(outbox).not.toHaveEnqueued({ data: { lines: [{ sku: 'a' }] } });
  expect(outbox).not.toHaveEnqueued({ queue: 'inbox' });
});

test('it counts, in the tenant that is named', () => {
  expect(outbox).toHaveEnqueued({ tenantId: 'birch', topic: 'order.paid' }, 2);
  expect(outbox).toHaveEnqueued({ tenantId: 'birch', data: { id: 2 } }, 1);
  expect(outbox).toHaveEnqueued({ tenantId: 'birch', data: { id: 3 } }, 0);
  expect(outbox).not.toHaveEnqueued({ tenantId: 'birch' }, 1);
});

test('a failure shows what was wanted and what is stored', () => {
  const message = refusal(() => expect(outbox).toHaveEnqueued({ topic: 'order.paid', data: { id: 1 } }));
  expect(message).toMatch(
    /^expected the outbox to have a message like\n.*order\.paid.*\n0 messages of these 1 match:\n/,
  );
  expect(message).toContain('"topic": "order.placed"');
  expect(refusal(() => expect(outbox).not.toHaveEnqueued({}))).toMatch(/to have no message like/);
  expect(refusal(() => expect(outbox).toHaveEnqueued({ tenantId: 'birch' }, 3))).toMatch(
    /to have 3 messages like\n[\s\S]*2 messages of these 2 match/,
  );
  expect(refusal(() => expect(outbox).not.toHaveEnqueued({ tenantId: 'birch' }, 2))).toMatch(
    /to have not 2 messages like/,
  );
});

test('misuse is refused, with `not` too', () => {
  expect(refusal(() => expect({}).not.toHaveEnqueued({}))).toMatch(/expect a test outbox/);
  expect(refusal(() => expect(outbox).not.toHaveEnqueued('order.placed' as never))).toMatch(
    /message's fields/,
  );
  expect(refusal(() => expect(outbox).not.toHaveEnqueued({}, -1))).toMatch(/whole number/);
  expect(refusal(() => expect(outbox).not.toHaveEnqueued({ tenantId: 'cedar' }))).toMatch(
    /no tenant 'cedar'/,
  );
});

test('Vitest’s expect takes it', async () => {
  const program = path.join(__dirname, 'vitest-expect.ts');
  const env = { ...process.env, NODE_NO_WARNINGS: '1' };
  const { stdout } = await promisify(execFile)(process.execPath, [program], { env });
  expect(JSON.parse(stdout)).toEqual({
    found: 'passed',
    counted: 'passed',
    absent: 'passed',
    missing: expect.stringMatching(/^expected the outbox to have a message like/),
  });
}, 60_000);
