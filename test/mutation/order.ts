/** The requests to the process that runs tests, and its answers. */
export interface RunRequest {
  /** A test file, from the root. */
  readonly file: string;
  /** The tests to run, each with the milliseconds that it may take; all tests of the file when absent. */
  readonly only?: Readonly<Record<string, number>>;
}

export interface RanTest {
  readonly file: string;
  /** The test's name, with the names of the blocks around it. */
  readonly name: string;
  readonly ms: number;
  /** Sites reached by the test and by its hooks. */
  readonly reached: readonly string[];
}

export interface Failure {
  /** Absent when the file failed as a whole. */
  readonly test?: string;
  readonly message: string;
}

export interface RunAnswer {
  readonly ran: readonly RanTest[];
  /** Sites reached while the file was loaded, or by hooks around all its tests. */
  readonly outside: readonly string[];
  readonly failure?: Failure;
}

/** The data that the environment of a test file reads and writes, in the same process. */
export interface Order {
  readonly only: ReadonlyMap<string, number> | undefined;
  readonly ran: RanTest[];
  readonly outside: Map<string, readonly string[]>;
  failure: Failure | undefined;
}
