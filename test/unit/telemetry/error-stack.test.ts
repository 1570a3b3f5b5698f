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

test.each(Object.entries(hostileValues))('%s has no frames, or harmless ones', (_, value) => {
  expect(() => stackFrames(value())).not.toThrow();
});

test.each([null, undefined, 'text', { stack: '    at x' }])('%p has no frames', (value) => {
  expect(stackFrames(value)).toBeNull();
});
