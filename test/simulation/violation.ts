/** A promise that the system broke. */
export class Violation extends Error {
  /** The clause or invariant, such as 'Q5 attempts'. */
  readonly invariant: string;

  constructor(invariant: string, what: string) {
    super(`${invariant}: ${what}`);
    this.name = 'Violation';
    this.invariant = invariant;
  }
}
