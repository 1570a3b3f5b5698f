import { existsSync, readFileSync } from 'node:fs';

/** The lines of a file that another process appends to; one still being written is left out. */
export const completeLines = (file: string): string[] =>
  existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : [];
