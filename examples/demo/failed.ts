/** The demo could not be carried out, or did not end as it should; its message says what to do. */
export class DemoFailed extends Error {
  override readonly name = 'DemoFailed';
}
