import { createHash, timingSafeEqual } from 'node:crypto';
import { isList, isMultiOutboxError, MultiOutboxError, propertyOf, shownValue } from '../errors.ts';
import type { InboxMessage } from './inbox.ts';

/** A webhook as it was received over HTTP, unchecked. */
export interface WebhookRequest {
  readonly tenantId: string;
  readonly headers: { get(name: string): string | null };
  /** The body exactly as it was sent, because signatures cover these characters. */
  readonly body: string;
}

/** Verifies the webhooks of one sender, and makes inbox messages of them. */
export interface WebhookSource {
  /** The name in the address: receive/<tenant>/<name>. 1 to 200 letters, digits, '.', '_', '~' and '-'. */
  readonly name: string;
  /**
   * Verifies that the request comes from this source, and returns its message.
   * @throws SignatureRefused when the request cannot be verified; any other error is answered as an internal error
   */
  verify(request: WebhookRequest): Omit<InboxMessage, 'source'> | Promise<Omit<InboxMessage, 'source'>>;
  /**
   * The reason why this source cannot receive at present. While it is set, requests are answered with 503,
   * and the health check names the source.
   */
  readonly unusable?: MultiOutboxError;
}

/**
 * Creates a source. If that fails, for example because its secret is missing, the source exists but is unusable, and
 * the other sources work.
 */
export function sourceOrUnusable(name: string, make: () => WebhookSource): WebhookSource {
  try {
    return make();
  } catch (error) {
    if (!isMultiOutboxError(error)) throw error;
    return {
      name,
      unusable: error,
      verify() {
        throw error;
      },
    };
  }
}

/** Thrown when a request cannot be verified as its source's own. The sender receives the error's message. */
export class SignatureRefused extends Error {
  override readonly name = 'SignatureRefused';

  /** @throws MultiOutboxError INVALID_ARGUMENT */
  constructor(message: string) {
    if (typeof message !== 'string')
      throw new MultiOutboxError(
        'INVALID_ARGUMENT',
        `SignatureRefused needs a text for the sender, got ${shownValue(message)}.`,
      );
    super(message);
  }
}

/** Compares signatures in constant time, so that the duration does not reveal where they differ. @throws INVALID_ARGUMENT */
export function sameSignature(given: string, expected: string): boolean {
  if (typeof given !== 'string' || typeof expected !== 'string')
    throw new MultiOutboxError('INVALID_ARGUMENT', 'sameSignature: both signatures must be text.');
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

/**
 * The sources by their names. Reading `unusable` of one of them does not throw: the objects are foreign code, and the
 * trouble of one source must not stop the others.
 * @throws MultiOutboxError INVALID_CONFIGURATION for a name that cannot stand in an address, or that two sources
 *   share
 */
export function sourcesByName(sources: readonly WebhookSource[]): Map<string, WebhookSource> {
  if (!isList(sources))
    throw new MultiOutboxError(
      'INVALID_CONFIGURATION',
      `The webhook sources must be a list, got ${shownValue(sources)}.`,
    );
  const byName = new Map<string, WebhookSource>();
  for (const source of sources) {
    const name = propertyOf(source, 'name');
    const problem =
      typeof name !== 'string' || !/^[\w.~-]{1,200}$/.test(name)
        ? "must be 1 to 200 letters, digits, '.', '_', '~' and '-'"
        : byName.has(name)
          ? 'is also the name of another source; rename one of them'
          : undefined;
    if (problem !== undefined) {
      throw new MultiOutboxError(
        'INVALID_CONFIGURATION',
        `The webhook source ${shownValue(name)} cannot be used: its name ${problem}.`,
      );
    }
    byName.set(name as string, guardedSource(name as string, source));
  }
  return byName;
}

function guardedSource(name: string, source: WebhookSource): WebhookSource {
  return {
    name,
    verify: (request) => source.verify(request),
    get unusable() {
      try {
        // Callers see it as absent; the type has no undefined.
        return source.unusable!;
      } catch (cause) {
        return new MultiOutboxError(
          'INVALID_CONFIGURATION',
          `The webhook source '${name}' cannot be used: reading its field 'unusable' threw an error. Correct the source.`,
          { cause },
        );
      }
    },
  };
}
