import { createHash, timingSafeEqual } from 'node:crypto';
import { isMultiOutboxError, MultiOutboxError } from '../errors.ts';
import type { InboxMessage } from './inbox.ts';

/** A webhook as it came over HTTP, with nothing of it checked. */
export interface WebhookRequest {
  readonly tenantId: string;
  readonly headers: { get(name: string): string | null };
  /** As it was sent: signatures are over these very characters. */
  readonly body: string;
}

/** Somebody who sends webhooks: how their origin is proved, and what they bring. */
export interface WebhookSource {
  /** As the address names it: receive/<tenant>/<name>. 1 to 200 letters, digits, '.', '_', '~' and '-'. */
  readonly name: string;
  /**
   * Proves that the request is the source's own, and tells what it brings.
   * @throws SignatureRefused when it is not proved; whatever else is thrown is answered as a fault of ours
   */
  verify(request: WebhookRequest): Omit<InboxMessage, 'source'> | Promise<Omit<InboxMessage, 'source'>>;
  /** Why nobody can send by this name for now: it is answered 503, and health names the source. */
  readonly unusable?: MultiOutboxError;
}

/** A source whose making may fail, for want of its secret: then it is there, unusable, and harms nothing else. */
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

/** It is not proved that a request comes from its source. The message is told to the sender. */
export class SignatureRefused extends Error {
  override readonly name = 'SignatureRefused';
}

/** Compares signatures: how long it takes does not tell where they differ. */
export function sameSignature(given: string, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

/** @throws MultiOutboxError INVALID_CONFIGURATION for a name that no address can have, or that two sources have */
export function sourcesByName(sources: readonly WebhookSource[]): Map<string, WebhookSource> {
  const byName = new Map<string, WebhookSource>();
  for (const source of sources) {
    const problem = !/^[\w.~-]{1,200}$/.test(source.name)
      ? "must be 1 to 200 letters, digits, '.', '_', '~' and '-'"
      : byName.has(source.name)
        ? 'is taken by another source'
        : undefined;
    if (problem !== undefined) {
      throw new MultiOutboxError(
        'INVALID_CONFIGURATION',
        `The webhook source '${source.name}' cannot be used: its name ${problem}.`,
      );
    }
    byName.set(source.name, source);
  }
  return byName;
}
