import type { WriteStream } from 'node:tty';
import { type Colors, colorsFor } from './colors.ts';

/** Where text is shown. */
export interface Terminal {
  readonly colors: Colors;
  /** How many characters a line may have; infinite in a pipe or a file, where nothing is cut. */
  readonly width: number;
}

export function terminalOf(stream: Partial<Pick<WriteStream, 'isTTY' | 'columns'>>): Terminal {
  const width = stream.isTTY === true && stream.columns ? stream.columns : Number.POSITIVE_INFINITY;
  return { colors: colorsFor(stream), width };
}
