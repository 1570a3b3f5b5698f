/** What `npm run simulation:mutations -- --save` has measured: which seed found each mutation. docs/proof.md shows it. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Each mutation must be found within so many seeds. */
export const foundWithin = 60;

export interface Measurement {
  /** The first seed whose history breaks a promise; null when none did, or when the mutant ended the process. */
  readonly seed: number | null;
  /** How many histories ran, that one included. */
  readonly histories: number;
  /** The clause or invariant that was broken, such as 'Q8 settle'; null when the mutation was not found. */
  readonly foundAs: string | null;
}

/** By the mutation's name. */
export type Measurements = Readonly<Record<string, Measurement>>;

/** @param folder the folder of the mutations */
export function readMeasurements(folder: string): Measurements {
  return JSON.parse(readFileSync(path.join(folder, 'measured.json'), 'utf8')) as Measurements;
}

export function writeMeasurements(folder: string, measurements: Measurements): void {
  writeFileSync(path.join(folder, 'measured.json'), `${JSON.stringify(measurements, null, 2)}\n`);
}
