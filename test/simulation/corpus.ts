/** Seeds whose histories once failed, each with what was wrong. They run with every test run. */
export const corpus: readonly { readonly seed: number; readonly found: string }[] = [];
