import type { WriteStream } from 'node:tty';
import { counted } from './text.ts';

/** A terminal whose content is replaced again and again. */
export interface Screen {
  /** @param note stands in the last line; lines for which there is no room are left out above it */
  show(text: string, note: string): void;
  /** The cursor is back, and the last content stays above it. */
  end(): void;
}

const csi = '\u001b[';
const [hideCursor, showCursor] = [`${csi}?25l`, `${csi}?25h`];
const [home, clearLine, clearBelow] = [`${csi}H`, `${csi}K`, `${csi}J`];

export function startScreen(stream: Pick<WriteStream, 'write' | 'rows'>): Screen {
  // A second signal ends the process without coming back here.
  const restore = () => void stream.write(showCursor);
  process.once('exit', restore);
  stream.write(`${hideCursor}${csi}2J`);
  return {
    show(text, note) {
      const lines = text.trimEnd().split('\n');
      const room = Math.max(1, (stream.rows || 24) - 2);
      const left = lines.length - room;
      const shown = left > 0 ? lines.slice(0, room) : lines;
      const more = left > 0 ? `; ${counted(left, 'more line')}` : '';
      // Written over the content before, so that nothing flickers.
      const drawn = [...shown, `${note}${more}; Ctrl+C ends it`].map((line) => `${line}${clearLine}`);
      stream.write(`${home}${drawn.join('\n')}${clearBelow}`);
    },
    end() {
      process.off('exit', restore);
      stream.write(`\n${showCursor}`);
    },
  };
}
