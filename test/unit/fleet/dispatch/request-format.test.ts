import { isMultiOutboxError } from '../../../../src/errors.ts';
import {
  checkedDispatchRequest,
  parseDispatchRequest,
  parseWake,
  tenantIdIn,
} from '../../../../src/fleet/dispatch/request-format.ts';
import { parseRequestPage, requestPages } from '../../../../src/fleet/dispatch/request-pages.ts';
import type { DispatchRequest } from '../../../../src/fleet/dispatch-request.ts';

const request: DispatchRequest = {
  version: 1,
  tenantId: 'acme',
  reason: 'due',
  plannedUtc: '2026-03-01T10:00:00.000Z',
  idleStreak: 3,
  failureStreak: 0,
  lastRunUtc: '2026-03-01T09:59:00.000Z',
};

/** The message of the refusal. */
function refusal(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (isMultiOutboxError(error, 'INVALID_ARGUMENT')) return error.message;
    throw error;
  }
  throw new Error('Nothing was refused.');
}

describe('dispatch requests through a queue', () => {
  test('a request that a plan made is read back unchanged, from an object or from text', () => {
    expect(parseDispatchRequest(request)).toEqual(request);
    expect(parseDispatchRequest(JSON.stringify(request))).toEqual(request);
    expect(parseDispatchRequest({ ...request, lastRunUtc: null }).lastRunUtc).toBeNull();
  });

  test('a request of the release before, which knew less, is taken', () => {
    const { lastRunUtc, idleStreak, failureStreak, ...older } = request;
    expect(parseDispatchRequest(older)).toEqual(older);
  });

  test.each(['due', 'wake', 'backlog', 'manual'] as const)(
    'F3: a request may have the reason %s',
    (reason) => {
      expect(parseDispatchRequest({ ...request, reason }).reason).toBe(reason);
    },
  );

  test('F7: a wake has the time at which it was read; a request that this program was given is manual', () => {
    const before = Date.now();
    const { plannedUtc, reason } = checkedDispatchRequest({ tenantId: 'acme' }, 'manual');
    expect(reason).toBe('manual');
    expect(Date.parse(plannedUtc)).toBeGreaterThanOrEqual(before);
    expect(Date.parse(plannedUtc)).toBeLessThanOrEqual(Date.now());
  });

  test('F7: a request with only a tenant is a wake', () => {
    expect(parseDispatchRequest('{"tenantId":"acme"}')).toMatchObject({
      version: 1,
      tenantId: 'acme',
      reason: 'wake',
    });
    expect(parseDispatchRequest({ tenantId: 'acme' })).not.toHaveProperty('lastRunUtc');
  });

  test.each<[string, unknown, string]>([
    ['no JSON', 'hello secret', 'it is not JSON'],
    ['no object', '"secret"', 'it does not have the fields of a dispatch request'],
    ['nothing', undefined, 'it is not JSON'],
    ['a number', 7, 'it does not have the fields of a dispatch request'],
    ['another version', { ...request, version: 2 }, "'version' is missing or has a wrong value"],
    ['no version, and more than a tenant', { ...request, version: undefined }, "'version' is"],
    ['a tenant that cannot be', { ...request, tenantId: 'No Such!' }, "'tenantId' is"],
    ['a reason that cannot be', { ...request, reason: 'secret' }, "'reason' is"],
    ['a time that is none', { ...request, plannedUtc: 'secret' }, "'plannedUtc' is"],
    ['a streak below nothing', { ...request, idleStreak: -1 }, "'idleStreak' is"],
  ])('%s is refused with what is wrong, without the content', (_name, input, problem) => {
    const message = refusal(() => parseDispatchRequest(input));
    expect(message).toContain(`This is not a dispatch request: ${problem}`);
    expect(message).not.toMatch(/secret|No Such/);
  });

  test('the tenant of an unreadable request is found where it names one', () => {
    expect(tenantIdIn({ ...request, version: 99 })).toBe('acme');
    expect(tenantIdIn('{"tenantId":"acme","version":"x"}')).toBe('acme');
    for (const nobody of ['hello', '{"tenantId":7}', { tenantId: 'NO' }, null, undefined, [1]]) {
      expect(tenantIdIn(nobody)).toBeNull();
    }
  });

  test('F7: a wake is a tenant id, as JSON or as plain text', () => {
    expect(parseWake({ tenantId: 'acme' })).toEqual(['acme']);
    expect(parseWake('{"tenantId":"acme"}')).toEqual(['acme']);
    expect(parseWake(' acme\n')).toEqual(['acme']);
    // A host that parses JSON gives an id of digits as a number.
    expect(parseWake(1042)).toEqual(['1042']);
    for (const wrong of ['', 'No Such', 1.5, null, { tenantId: 'acme', more: 1 }]) {
      expect(refusal(() => parseWake(wrong))).toContain('This is not a wake: ');
    }
  });
});

describe('base64, which the Functions host expects by default', () => {
  const base64 = (value: unknown) =>
    Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64');

  test('a request, a page and the tenant of an unreadable request are read', () => {
    expect(parseDispatchRequest(base64(request))).toEqual(request);
    expect(parseRequestPage(base64(requestPages([request], 10)[0]))).toEqual([request]);
    expect(tenantIdIn(base64({ ...request, version: 99 }))).toBe('acme');
  });

  test('F7: a wake is read', () => {
    expect(parseWake(base64({ tenantId: 'acme' }))).toEqual(['acme']);
    expect(parseWake(base64('acme\n'))).toEqual(['acme']);
  });

  test('F7: an id that is also base64 of another id means either', () => {
    expect(base64('jga')).toBe('amdh');
    expect(parseWake('amdh')).toEqual(['jga', 'amdh']);
    // No encoder writes this, so it is an id only.
    expect(parseWake('amdh.')).toEqual(['amdh.']);
  });

  test('base64 of bytes that are not UTF-8 is refused, also where the rest is a request', () => {
    const bytes = Buffer.from(JSON.stringify({ ...request, traceparent: '?' }));
    bytes[bytes.indexOf('?')] = 0xff;
    const text = bytes.toString('base64');
    expect(refusal(() => parseDispatchRequest(text))).toContain('it is not JSON');
    expect(tenantIdIn(text)).toBeNull();
  });

  test('text that is neither JSON nor base64 of UTF-8 is refused', () => {
    for (const wrong of ['/////w==', 'abc=', base64('hello')]) {
      expect(refusal(() => parseDispatchRequest(wrong))).toContain('it is not JSON');
    }
  });
});

describe('pages of dispatch requests', () => {
  const many = (count: number, id: (index: number) => string) =>
    Array.from({ length: count }, (_, index) => ({ ...request, tenantId: id(index) }));

  test('every request comes back as it was, in order, at most a page size at once', () => {
    const requests = many(450, (index) => `tenant-${index}`);
    const pages = requestPages(requests, 200);
    expect(pages.map((page) => page.requests.length)).toEqual([200, 200, 50]);
    expect(pages.flatMap((page) => parseRequestPage(page))).toEqual(requests);
    expect(parseRequestPage(JSON.stringify(pages[2]))).toEqual(requests.slice(400));
    expect(requestPages([], 200)).toEqual([]);
  });

  test('a plan’s trace context is in each of its pages, and in the requests that come back', () => {
    const traceparent = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`;
    const traced = many(3, (index) => `tenant-${index}`).map((each) => ({ ...each, traceparent }));
    const pages = requestPages(traced, 2);
    expect(pages.map((page) => page.traceparent)).toEqual([traceparent, traceparent]);
    expect(pages.flatMap((page) => parseRequestPage(page))).toEqual(traced);
    expect(requestPages([request], 2)[0]).not.toHaveProperty('traceparent');
  });

  test('a request without streaks and last run has none of them on its page', () => {
    const { idleStreak, failureStreak, lastRunUtc, ...woken } = request;
    const [page] = requestPages([woken], 1);
    expect(parseRequestPage(page)).toEqual([{ ...woken, idleStreak: 0, failureStreak: 0, lastRunUtc: null }]);
  });

  test('no page is longer than a message of a storage queue may be, once it is base64', () => {
    const requests = many(2_000, (index) => `${'x'.repeat(58)}${String(index).padStart(6, '0')}`);
    const pages = requestPages(requests, 1_000);
    const sizes = pages.map((page) => Buffer.from(JSON.stringify(page)).toString('base64').length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(65_536);
    // The largest page is hardly below the limit, so that there are as few messages as possible.
    expect(Math.max(...sizes)).toBeGreaterThan(65_000);
    expect(pages.flatMap((page) => parseRequestPage(page))).toEqual(requests);
  });

  test('a page may be exactly as large as a message; one byte more makes a second page', () => {
    const most = 48 * 1_024;
    const sizeOf = (requests: DispatchRequest[]) =>
      Buffer.byteLength(JSON.stringify(requestPages(requests, 1_000)[0]));
    const requests: DispatchRequest[] = many(500, () => 'x'.repeat(40));
    while (sizeOf(requests) < most - 100) requests.push(requests[0]!);
    const lengthen = (index: number) => {
      requests[index] = { ...requests[index]!, tenantId: `${requests[index]!.tenantId}x` };
    };
    const missing = most - sizeOf(requests);
    for (let n = 0; n < missing; n++) lengthen(n % 10);
    expect(requestPages(requests, 1_000)).toHaveLength(1);
    expect(sizeOf(requests)).toBe(most);
    lengthen(10);
    expect(requestPages(requests, 1_000)).toHaveLength(2);
  });

  test.each<[string, unknown]>([
    ['no JSON', 'hello'],
    ['an empty page', { version: 1, plannedUtc: request.plannedUtc, requests: [] }],
    [
      'another version',
      { version: 2, plannedUtc: request.plannedUtc, requests: [['acme', 'due', 0, 0, null]] },
    ],
    ['a row too short', { version: 1, plannedUtc: request.plannedUtc, requests: [['acme', 'due']] }],
    ['a request', request],
  ])('%s is refused', (_name, input) => {
    expect(refusal(() => parseRequestPage(input))).toContain('This is not a page of dispatch requests: ');
  });

  test('a row with a wrong value is named by its place', () => {
    const rows = [
      ['acme', 'due', 0, 0, null],
      ['acme', 'due', -1, 0, null],
    ];
    const page = { version: 1, plannedUtc: request.plannedUtc, requests: rows };
    expect(refusal(() => parseRequestPage(page))).toContain("'requests.1.2' is missing or has a wrong value");
  });
});
