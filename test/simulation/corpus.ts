/** Seeds whose histories once failed, each with what was wrong. They run with every test run. */
export const corpus: readonly { readonly seed: number; readonly found: string }[] = [
  {
    seed: 1,
    found:
      'messages that had become Dead before the clock was set back were neither listed nor replayed (Q13, Q16)',
  },
];
