/** The demo could not run, or its result is wrong; the message says what to do. */
export class DemoFailed extends Error {
  override readonly name = 'DemoFailed';
}
