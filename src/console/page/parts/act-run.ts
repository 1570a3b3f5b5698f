/** How far an act of several requests is. */
export interface Progress {
  readonly done: number;
  readonly of: number;
}

/** An act of several requests says how far it is, and ends soon after the signal fires. */
export type Run = (onProgress: (progress: Progress) => void, signal: AbortSignal) => Promise<string>;
