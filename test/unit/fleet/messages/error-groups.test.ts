/** S3: the errors of Dead messages, grouped. */
import type { FindPart, FoundMessage, MessageFilter } from '../../../../src/engine/message-search.ts';
import type { WorkQueue } from '../../../../src/engine/work-queue.ts';
import { ErrorGrouping, foldedError, groupErrors } from '../../../../src/fleet/messages/errors.ts';

interface Dead {
  readonly tenantId?: string;
  readonly error: string | null;
  readonly topic?: string;
  readonly at?: number | null;
}

/** The groups of these messages, whose ids are their places. */
function grouped(...dead: Dead[]) {
  const grouping = new ErrorGrouping();
  for (const [index, { tenantId = 'acme', error, topic = 'orders', at = index }] of dead.entries())
    grouping.add(tenantId, {
      messageId: `m${index}`,
      topic,
      lastError: error,
      settledUtc: at === null ? null : new Date(at),
    } as FoundMessage);
  return { groups: grouping.groups(), count: grouping.count };
}

const matching = (...errors: string[]) => grouped(...errors.map((error) => ({ error }))).groups[0]!.matching;
const utc = (ms: number) => new Date(ms).toISOString();

describe('a group of errors (S3)', () => {
  test('S3: it has the count, the tenants and topics in order, the times, and the latest message as example', () => {
    const { groups, count } = grouped(
      { tenantId: 'birch', error: 'refused: 1', topic: 'mails', at: 20 },
      { tenantId: 'acme', error: 'refused: 2', topic: 'mails', at: 30 },
      { tenantId: 'birch', error: 'refused: 3', topic: 'invoices', at: 10 },
    );
    expect(count).toBe(3);
    expect(groups).toEqual([
      {
        fingerprint: expect.stringMatching(/^[0-9a-f]{12}$/),
        text: 'refused: <n>',
        matching: 'refused:',
        count: 3,
        tenants: 2,
        tenantIds: ['acme', 'birch'],
        topics: ['invoices', 'mails'],
        firstUtc: utc(10),
        lastUtc: utc(30),
        example: { tenantId: 'acme', messageId: 'm1' },
      },
    ]);
  });

  test('S3: of messages that became Dead at the same time the one that was read last is the example', () => {
    expect(grouped({ error: 'x y', at: 5 }, { error: 'x y', at: 5 }).groups[0]!.example.messageId).toBe('m1');
  });

  test('S3: a message without a time of its end counts as the first', () => {
    expect(grouped({ error: 'x y', at: 5 }, { error: 'x y', at: null }).groups[0]).toMatchObject({
      firstUtc: utc(0),
      lastUtc: utc(5),
      example: { messageId: 'm0' },
    });
  });

  test('S3: messages without an error are a group, which no part of an error finds', () => {
    expect(grouped({ error: null }, { error: null }).groups).toMatchObject([
      { text: '(no error)', matching: null, count: 2 },
    ]);
  });

  test('S3: at most 20 tenants and topics are listed; all tenants are counted', () => {
    const many = Array.from({ length: 21 }, (_, n) => {
      const number = String(20 - n).padStart(2, '0');
      return { tenantId: `t${number}`, error: 'x y', topic: `p${number}` };
    });
    const [group] = grouped(...many).groups;
    expect(group!.tenants).toBe(21);
    expect(group!.tenantIds).toEqual(
      many
        .map(({ tenantId }) => tenantId)
        .sort()
        .slice(0, 20),
    );
    // Topics are kept in the order of reading, because they are bounded while they are read.
    expect(group!.topics).toHaveLength(20);
    expect(group!.topics).not.toContain('p00');
  });
});

describe('the order of the groups (S3)', () => {
  test('S3: the largest first; of equal ones that with the latest message', () => {
    const texts = grouped(
      { error: 'middle', at: 5 },
      { error: 'latest', at: 9 },
      { error: 'many', at: 2 },
      { error: 'many', at: 3 },
      { error: 'oldest', at: 1 },
    ).groups.map(({ text }) => text);
    expect(texts).toEqual(['many', 'latest', 'middle', 'oldest']);
  });

  test('S3: errors that are all different do not fill the memory: behind 10,000 groups there is one for all others', () => {
    const name = (n: number) => `${n}`.replace(/\d/g, (digit) => 'abcdefghij'[Number(digit)]!);
    const errors = Array.from({ length: 10_003 }, (_, n) => ({ error: `failed ${name(n)}` }));
    const { groups, count } = grouped(...errors, { error: `failed ${name(0)}` });
    expect([count, groups.length]).toEqual([10_004, 10_001]);
    expect(groups.slice(0, 2)).toMatchObject([
      { text: '(other errors)', count: 3 },
      { text: `failed ${name(0)}`, count: 2 },
    ]);
  });
});

describe('a part of the errors, by which their messages are found (S3)', () => {
  test('S3: the longest part between what is folded, as it is stored', () => {
    expect(matching("Order 17 of customer 'Ada' was  refused")).toBe('was  refused');
    expect(matching('order 0b0ab2c4-6a2b-4e1e-9f5e-0c9f6b1f1a11 lost in Transit')).toBe('lost in Transit');
    expect(matching('the longest part 1 a short part')).toBe('the longest part');
    expect(matching('no customer aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee')).toBe('no customer');
    expect(matching('17')).toBeNull();
  });

  test('S3: only what every error of the group has', () => {
    expect(matching('Order 1 was refused here', 'Order 2 was refused here')).toBe('was refused here');
    // Folded alike, but stored with other spaces.
    expect(matching('abcd 1 was  refused', 'abcd 2 was refused')).toBe('abcd');
    expect(matching('was  refused', 'was refused', 'was  refused')).toBeNull();
  });

  test('S3: in whatever case, as the filter compares it, and wherever it stands', () => {
    expect(matching("was  refused 'x'", "was refused 'WAS  REFUSED'")).toBe('was  refused');
    expect(matching("WAS  REFUSED 'x'", "WAS REFUSED 'was  refused'")).toBe('WAS  REFUSED');
  });

  test('S3: of at least four characters with a letter', () => {
    expect(matching('abcd 1')).toBe('abcd');
    expect(matching('abc 1')).toBeNull();
    expect(matching('---- 1')).toBeNull();
  });

  test('S3: of one line, and of at most 200 characters', () => {
    expect(matching('first line\nsecond longer line')).toBe('second longer line');
    const long = 'ab '.repeat(100);
    expect(matching(long)).toBe(long.slice(0, 200).trim());
    expect(matching(`${'a'.repeat(199)}  b`)).toBe('a'.repeat(199));
    expect(matching(`1 ${'a'.repeat(300)}`)).toBe('a'.repeat(200));
  });

  test('S3: not of half a character', () => {
    expect(matching(`${'b'.repeat(10)} 1 ${'a'.repeat(199)}😀`)).toBe('b'.repeat(10));
  });

  test('S3: of the first 4,000 characters of the error', () => {
    expect(matching(`${'1 '.repeat(1_998)}abcd`)).toBe('abcd');
    expect(matching(`${'1 '.repeat(1_998)}abcX-longer`)).toBe('abcX');
    expect(matching(`${'1 '.repeat(2_000)}abcd`)).toBeNull();
  });

  test('S3: of the 20 longest parts of the first error', () => {
    // Folded alike, with one space or two.
    const part = (n: number, spaces = ' ') => {
      const letter = 'abcdefghijklmnopqrstuvwxyz'[n]!;
      return `${letter}${spaces}${letter.repeat(2 + n)}`;
    };
    const all = Array.from({ length: 22 }, (_, n) => n);
    const common = (kept: number) =>
      matching(
        all.map((n) => part(n)).join(' 1 '),
        all.map((n) => part(n, n === kept ? ' ' : '  ')).join(' 1 '),
      );
    expect([common(21), common(2), common(1)]).toEqual([part(21), part(2), null]);
  });
});

describe('the folded text of an error (S3)', () => {
  test('S3: without spaces around it, of at most 200 characters', () => {
    expect(foldedError('  it failed \n')).toBe('it failed');
    const long = 'ab '.repeat(100);
    expect(foldedError(long)).toBe(long.slice(0, 200));
  });

  test('S3: of the first 4,000 characters', () => {
    expect(foldedError(`"${'x'.repeat(3_998)}"b`)).toBe('<text>');
    expect(foldedError(`"${'x'.repeat(3_997)}"bc`)).toBe('<text>b');
  });

  test.each([
    ['“Ada” and «Grace»', '<text> and <text>'],
    ["it's Ada's order", "it's Ada's order"],
    ['at 10:30:15,25', 'at <n>'],
    ['a1bcdefg2', '<id>'],
    ['1bcdefg', '<n>bcdefg'],
  ])('S3: %s', (text, folded) => {
    expect(foldedError(text)).toBe(folded);
  });
});

test('S3: the Dead messages of a tenant are read in parts of at most 1,000, all of them', async () => {
  const asked: number[] = [];
  const queue = {
    find: async (_: MessageFilter, { examine, limit, after }: FindPart) => {
      asked.push(examine);
      expect(limit).toBe(examine);
      const sequence = (after?.sequence ?? 0) + 1;
      const one = {
        messageId: `m${sequence}`,
        topic: 'orders',
        lastError: 'x y',
        settledUtc: new Date(sequence),
      };
      return {
        messages: [one as FoundMessage],
        examined: examine,
        next: sequence < 3 ? { sequence, settledMs: null } : null,
      };
    },
  } as unknown as WorkQueue;
  const grouping = new ErrorGrouping();
  const bounds = { examine: 10_000, timeoutMs: 60_000 };
  expect(await groupErrors(queue, 'acme', { states: ['dead'] }, bounds, grouping)).toBeNull();
  expect(asked).toEqual([1_000, 1_000, 1_000]);
  expect(grouping.groups()).toMatchObject([{ count: 3, example: { tenantId: 'acme', messageId: 'm3' } }]);
});
