import { createColors } from 'picocolors';

export type Colors = ReturnType<typeof createColors>;

/** Colours on a terminal only, and never where NO_COLOR is set to anything (no-color.org). */
export function colorsFor(
  stream: { readonly isTTY?: boolean },
  env: NodeJS.ProcessEnv = process.env,
): Colors {
  return createColors(stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb');
}
