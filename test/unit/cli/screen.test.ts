import { startScreen } from '../../../src/cli/output/screen.ts';

test('the cursor is back when the process exits while the screen is drawn, and once when it ends', () => {
  const before = process.listeners('exit');
  let written = '';
  const stream = {
    rows: 24,
    write(text: string) {
      written += text;
      return true;
    },
  };
  const screen = startScreen(stream as Parameters<typeof startScreen>[0]);
  const [onExit, ...others] = process.listeners('exit').filter((each) => !before.includes(each));
  expect(others).toEqual([]);
  expect(written).not.toContain('\u001b[?25h');
  onExit!(1);
  expect(written.split('\u001b[?25h')).toHaveLength(2);
  written = '';
  screen.end();
  expect(written.split('\u001b[?25h')).toHaveLength(2);
  expect(process.listeners('exit')).toEqual(before);
});
