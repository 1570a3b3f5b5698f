import * as v from 'valibot';

/**
 * As valibot's `safeParse`, also for values that cannot be read. A proxy or a getter in a value may throw, and so may the
 * text that valibot makes of it.
 */
export function safeParse<const Schema extends v.GenericSchema>(
  schema: Schema,
  input: unknown,
): v.SafeParseResult<Schema> {
  try {
    return v.safeParse(schema, input);
  } catch {
    const unreadable = v.pipe(
      v.unknown(),
      v.check(
        () => false,
        'cannot be read, because a getter or a proxy in it threw an error; give plain values',
      ),
    );
    return v.safeParse(unreadable, undefined) as unknown as v.SafeParseResult<Schema>;
  }
}
