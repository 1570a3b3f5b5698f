/** The message counts of one dispatch run (D7). */
export interface RunCounts {
  readonly done: number;
  readonly retried: number;
  readonly dead: number;
  /** Messages released unstarted, or snoozed by the handler. */
  readonly released: number;
  readonly parked: number;
  /** Started messages whose outcome could not be settled, because the run no longer had the message (Q8). */
  readonly lost: number;
  /** Messages taken over from a crashed run (Q6). */
  readonly recovered: number;
}
