import { isMultiOutboxError } from '../../../../src/errors.ts';
import { requestPages } from '../../../../src/fleet/dispatch/request-pages.ts';
import type { DispatchRequest } from '../../../../src/fleet/dispatch-request.ts';
import { planOf } from '../../../support/requests.ts';

const { requests } = planOf('acme', 'birch');

/** The message of the refusal. */
function refusal(given: unknown, pageSize: unknown): string {
  try {
    requestPages(given as DispatchRequest[], pageSize as number);
  } catch (error) {
    if (isMultiOutboxError(error, 'INVALID_ARGUMENT')) return error.message;
    throw error;
  }
  throw new Error('Nothing was refused.');
}

describe('F3: what is not a plan’s list of requests is refused before any page is made', () => {
  test.each([[0], [-1], [1.5], [Number.NaN], [Number.POSITIVE_INFINITY], ['2'], [undefined]])(
    'a page size of %p',
    (pageSize) => {
      expect(refusal(requests, pageSize)).toMatch(
        /^requestPages: 'pageSize' must be a whole number from 1 on/,
      );
    },
  );

  test('one request a page is the least', () => {
    expect(requestPages(requests, 1)).toHaveLength(2);
  });

  test.each([[undefined], [null], ['acme'], [{ requests }], [7]])('%p instead of a list', (given) => {
    expect(refusal(given, 10)).toContain('the requests must be a list');
  });

  test.each(['tenantId', 'plannedUtc', 'reason'] as const)(
    'a request without its %s, by its index',
    (name) => {
      const [first, second] = requests;
      for (const value of [undefined, 7]) {
        expect(refusal([{ ...first, [name]: value }, second], 10)).toContain('the item at index 0 is not');
        expect(refusal([first, { ...second, [name]: value }], 10)).toContain('the item at index 1 is not');
      }
    },
  );

  test('an item that is not an object, by its index', () => {
    for (const item of [null, undefined, 'acme', 7])
      expect(refusal([...requests, item], 10)).toContain('the item at index 2 is not a dispatch request');
  });
});
