/** A program, because Vitest's expect is an ES module: prints how each expectation ended. */
import { JestAsymmetricMatchers, JestChaiExpect, JestExtend } from '@vitest/expect';
import * as chai from 'chai';
import { createTestOutbox, matchers } from '../../../src/testing/index.ts';

for (const plugin of [JestExtend, JestChaiExpect, JestAsymmetricMatchers]) chai.use(plugin as never);
const expect = chai.expect as unknown as {
  (
    value: unknown,
  ): { toHaveEnqueued(...given: unknown[]): void; not: { toHaveEnqueued(wanted: object): void } };
  extend(to: object, given: object): void;
  any(type: unknown): unknown;
};
// As Vitest itself makes its `expect.extend`.
expect.extend(expect, matchers);

const ended = (expectation: () => void): string => {
  try {
    expectation();
    return 'passed';
  } catch (error) {
    return (error as Error).message;
  }
};

const outbox = await createTestOutbox();
await outbox.outbox('test').enqueue({ topic: 'order.placed', payload: { id: 7, lines: [1, 2] } });
console.log(
  JSON.stringify({
    found: ended(() => expect(outbox).toHaveEnqueued({ data: { id: expect.any(Number), lines: [1, 2] } })),
    counted: ended(() => expect(outbox).toHaveEnqueued({ topic: 'order.placed' }, 1)),
    absent: ended(() => expect(outbox).not.toHaveEnqueued({ data: { id: 8 } })),
    missing: ended(() => expect(outbox).toHaveEnqueued({ data: { id: 8 } })),
  }),
);
await outbox.close();
