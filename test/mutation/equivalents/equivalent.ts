/** Mutants that behave like the original, each with the reason. An entry that matches no mutant is reported. */
export interface Equivalent {
  readonly file: string;
  /** A part of the mutant's line. */
  readonly line: string;
  readonly mutant: string;
  readonly why: string;
}
