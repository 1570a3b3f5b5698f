/**
 * The only source of randomness of a history. The code under test uses Math.random (jitter, eviction), randomUUID (owners,
 * runs, acquisitions of leases), getRandomValues (message ids, by the package uuid) and SQLite's random() and randomblob()
 * (versions of tenants, ids of messages that plain SQL inserts).
 */
import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { Random } from '../../chaos/random.ts';

export { Random };

/** A generator of its own for each purpose, so that a new draw for one purpose does not shift those of the others. */
export function randomFor(seed: number, purpose: string): Random {
  let hash = seed >>> 0;
  for (const character of purpose) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193) >>> 0;
  return new Random(hash);
}

export function randomBytes(random: Random, bytes: Uint8Array): Uint8Array {
  for (let index = 0; index < bytes.length; index++) bytes[index] = random.between(0, 255);
  return bytes;
}

/** Replaces the sources of randomness of this Node process. Returns a function that puts the real ones back. */
export function seedRandomness(random: Random): () => void {
  const { random: realRandom } = Math;
  const { randomUUID } = crypto;
  const { getRandomValues } = globalThis.crypto;
  Math.random = () => random.next();
  Object.assign(crypto, { randomUUID: () => uuid(random) });
  globalThis.crypto.getRandomValues = ((bytes: Uint8Array) =>
    randomBytes(random, bytes)) as typeof getRandomValues;
  syncBuiltinESMExports();
  return () => {
    Math.random = realRandom;
    Object.assign(crypto, { randomUUID });
    globalThis.crypto.getRandomValues = getRandomValues;
    syncBuiltinESMExports();
  };
}

function uuid(random: Random): string {
  const hex = Buffer.from(randomBytes(random, new Uint8Array(16))).toString('hex');
  const variant = '89ab'[random.between(0, 3)];
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`;
}
