import { createColors } from 'picocolors';

export type Colors = ReturnType<typeof createColors>;

/** Colours are on only for a terminal, and off when NO_COLOR is not empty (no-color.org). */
export function colorsFor(
  stream: { readonly isTTY?: boolean },
  env: NodeJS.ProcessEnv = process.env,
): Colors {
  return createColors(stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb');
}
