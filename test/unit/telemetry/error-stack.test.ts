import { stackFrames } from '../../../src/telemetry/error-stack.ts';
import { hostileValues } from '../../support/hostile.ts';

test('S1: the frames of a stack are kept, without the error’s text, even if the text looks like frames', () => {
  const frames = stackFrames(new Error('card 4711\n    at secret (card-4711.js:1:1)'));
  expect(frames).toMatch(/^at .*error-stack\.test/);
  expect(frames).not.toContain('4711');
});

test('S1: a text that was changed after the error was made is not taken for frames', () => {
  const error = new Error('first 4711\nsecond line');
  error.message = 'other';
  expect(stackFrames(error)).toMatch(/^at /);
  expect(stackFrames(error)).not.toContain('4711');
});

test('S1: a former text whose lines begin like frames is not taken for frames', () => {
  const error = new Error('first\n    at card 4711\n    at 4711');
  error.message = 'other';
  expect(stackFrames(error)).toMatch(/^at .*error-stack\.test/);
  expect(stackFrames(error)).not.toContain('4711');
});

test('S1: every form of a frame is kept', () => {
  const frames = [
    'at new Shop (file:///app/shop.js:1:2)',
    'at async Shop.send [as deliver] (/app/with blank/shop.js:10:20)',
    'at C:\\app\\shop.js:1:2',
    'at node:internal/timers:605:17',
    'at wasm://wasm/abc:wasm-function[3]:0x1a2',
    'at sum (wasm://wasm/0a:wasm-function[12]:0xff)',
    'at async Promise.all (index 0)',
    'at Array.map (<anonymous>)',
    'at JSON.parse (native)',
    'at eval (eval at run (/app/run.js:1:2), <anonymous>:1:7)',
  ];
  const error = Object.assign(new Error('text'), {
    stack: `Error: text\n${frames.map((frame) => `    ${frame}`).join('\n')}`,
  });
  expect(stackFrames(error)).toBe(frames.join(' | '));
});

test.each(Object.entries(hostileValues))('%s has no frames, or harmless ones', (_, value) => {
  expect(() => stackFrames(value())).not.toThrow();
});

test.each([null, undefined, 'text', { stack: '    at x' }])('%p has no frames', (value) => {
  expect(stackFrames(value)).toBeNull();
});
