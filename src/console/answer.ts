/** What a route answers, before it becomes a `Response`. */

export interface Answer {
  readonly body: string | Uint8Array<ArrayBuffer>;
  readonly type: string;
  /** `unchanged`: the browser asks again and gets 304 while the body is the same. `forever`: its address has a hash of it. */
  readonly cache: 'unchanged' | 'forever';
  /** The time of which the answer is true, by the registry's clock. */
  readonly asOf?: Date;
  /** The name under which a browser stores it. */
  readonly fileName?: string;
}

/** @param asOf default: the registry's time when the request came */
export function json(data: unknown, asOf?: Date): Answer {
  return { body: JSON.stringify(data), type: 'application/json', cache: 'unchanged', ...(asOf && { asOf }) };
}

/** A refusal that the browser shows; the message reflects nothing of the request. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}
