/** Q14: payloads, headers and names come back as they went in. */
import { messageLimits } from '../../src/engine/message.ts';
import { queueNames } from '../../src/engine/work-queue.ts';
import { message, stored, take } from './run.ts';
import type { Scene } from './scene.ts';

/** Every character of Unicode outside the surrogates, noncharacters included. */
function allOfUnicode(): string {
  const characters: string[] = [];
  for (let point = 0; point <= 0x10ffff; point++) {
    if (point < 0xd800 || point > 0xdfff) characters.push(String.fromCodePoint(point));
  }
  return characters.join('');
}

const texts: Record<string, string> = {
  nothing: '',
  'a blank': ' ',
  'blanks at both ends': '  x  \t\n',
  'line ends of all kinds': 'a\r\nb\nc\rd\u0085e\u2028f\u2029g',
  'quotes and backslashes': `'single' "double" \\ \\n %s ; -- /* */ $1 ? @p1 [x] \`y\``,
  'JSON, spaced as it was': '{ "b" : 1.0,  "a":[ 1e2 , null ], "b": 2 }',
  'text that looks like a number': '007.10',
  'text that looks like null': 'null',
  'a NUL inside': 'before\0after',
  'NULs only': '\0\0\0',
  'a byte order mark': '\ufeffmarked\ufeff',
  'composed and decomposed': 'é e\u0301 ﬁ Å \u212b',
  'outside the basic plane': '😀👩‍👩‍👧‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿 𝒳 𠜎',
  'right to left and combining': 'שָׁלוֹם مرحبا ก็็็',
  noncharacters: '\ufffe\uffff\u{1fffe}\u{10ffff}\ufffd',
  'control characters': Array.from({ length: 32 }, (_, code) => String.fromCharCode(code)).join(''),
};

export function contentSuite(scene: Scene): void {
  describe.each(queueNames)('content: %s', (name) => {
    test('Q14: payloads come back byte for byte, claimed and looked at', async () => {
      const { queue } = await scene.queue(name);
      const letters = Object.entries(texts).map(([topic, payload]) => message(payload, { topic }));
      await queue.enqueue(letters);
      const claimed = new Map((await take(queue)).messages.map((each) => [each.topic, each.payload]));
      for (const { topic, payload, messageId } of letters) {
        expect({ topic, payload: claimed.get(topic) }).toEqual({ topic, payload });
        expect({ topic, payload: (await queue.get(messageId))?.payload }).toEqual({ topic, payload });
      }
    });

    test('Q14: headers come back byte for byte, names and values', async () => {
      const { queue } = await scene.queue(name);
      const headers = {
        ...texts,
        traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
        Case: 'upper',
        case: 'lower',
        '10': 'ten',
        '9': 'nine',
        'nämé "quoted" 😀': 'value',
        constructor: 'a word that objects know',
        long: 'x'.repeat(100_000),
      };
      const letter = message('A', { headers });
      await queue.enqueue([letter]);
      expect((await take(queue)).messages[0]!.headers).toEqual(headers);
      expect((await stored(queue, letter)).headers).toEqual(headers);
    });

    test('Q14: keys, topic and correlation come back as they are, up to their limits', async () => {
      const { queue } = await scene.queue(name);
      const long = (character: string) => character.repeat(messageLimits.keyCharacters / character.length);
      const letters = ['x', 'é', 'ｗ', '😀', ' '].map((character) =>
        message(character, {
          // No topic ends with a blank.
          topic: `${`t${long(character)}`.slice(0, messageLimits.topicCharacters - 1)}t`,
          orderingKey: long(character),
          dedupKey: long(character),
          correlationId: long(character),
        }),
      );
      // A cut through a surrogate pair would not be a topic.
      letters[3] = { ...letters[3]!, topic: '😀'.repeat(messageLimits.topicCharacters / 2) };
      await queue.enqueue(letters);
      for (const letter of letters) expect(await stored(queue, letter)).toMatchObject(letter);
      for (const claimed of (await take(queue)).messages) {
        const { topic, orderingKey, correlationId } = letters.find(
          (each) => each.payload === claimed.payload,
        )!;
        expect(claimed).toMatchObject({ topic, orderingKey, correlationId });
      }
    });
  });

  test('Q14: all of Unicode at once', async () => {
    const { queue } = await scene.queue('outbox');
    const payload = allOfUnicode();
    const letter = message(payload);
    await queue.enqueue([letter]);
    // Compare with ===, because toBe would print a difference of megabytes.
    expect((await take(queue)).messages[0]!.payload === payload).toBe(true);
    expect((await stored(queue, letter)).payload === payload).toBe(true);
  });

  test('Q14: many MB in one message, beside small ones', async () => {
    const { queue } = await scene.queue('outbox');
    const large = `${'0123456789'.repeat(1_000_000)}é😀`;
    await queue.enqueue([message('before'), message(large), message('after')]);
    const { messages } = await take(queue);
    expect(messages.map(({ payload }) => payload.length)).toEqual([6, large.length, 5]);
    expect(messages[1]!.payload === large).toBe(true);
  });

  test('Q14: header names that mean something to JavaScript mean nothing here', async () => {
    const { queue } = await scene.queue('outbox');
    const headers = JSON.parse('{"__proto__":"a","constructor":"b","toString":"c","hasOwnProperty":"d"}');
    await queue.enqueue([message('A', { headers })]);
    expect(Object.entries((await take(queue)).messages[0]!.headers)).toEqual(Object.entries(headers));
  });

  test('Q14: hundreds of headers', async () => {
    const { queue } = await scene.queue('outbox');
    const headers = Object.fromEntries(
      Array.from({ length: 500 }, (_, index) => [`header-${index}`, `value ${index} é😀 "${index}"`]),
    );
    await queue.enqueue([message('A', { headers })]);
    expect((await take(queue)).messages[0]!.headers).toEqual(headers);
  });
}
