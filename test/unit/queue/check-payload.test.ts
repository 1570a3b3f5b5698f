/** Q15: a payload that an operator has edited is checked as a run would check it. */
import * as v from 'valibot';
import { checkPayload } from '../../../src/queue/message-view.ts';
import { claimed } from '../../support/claimed.ts';

const order = v.object({ id: v.number('must be a number') });

test('Q15: a payload that the schema accepts is accepted', async () => {
  await expect(checkPayload(order, claimed({ payload: '{"id":7}' }))).resolves.toBeUndefined();
});

test.each([
  ['{"id":"7"}', /id.*must be a number/],
  ['{"id":', /not.*JSON/],
])('Q15: %s is refused with the reason', async (payload, reason) => {
  await expect(checkPayload(order, claimed({ payload }))).rejects.toMatchObject({
    code: 'INVALID_MESSAGE',
    message: expect.stringMatching(reason),
  });
});

test('Q15: what the validator itself throws is passed on', async () => {
  const failing = v.check(() => {
    throw new RangeError('validator');
  });
  const check = checkPayload(v.pipe(v.unknown(), failing), claimed({ payload: '{}' }));
  await expect(check).rejects.toThrow('validator');
});
