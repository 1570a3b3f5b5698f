/** Mutants that no test can tell from the original, each read and reasoned about. One that matches nothing is reported. */
export interface Equivalent {
  readonly file: string;
  /** The line of the mutant, trimmed. */
  readonly line: string;
  readonly mutant: string;
  readonly why: string;
}

export const equivalents: readonly Equivalent[] = [
  {
    file: 'src/local/host.ts',
    line: 'let waiting = true;',
    mutant: 'true → false',
    why: 'A plan sets it before anything reads it.',
  },
];
